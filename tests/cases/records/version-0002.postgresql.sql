SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.events_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
CREATE FUNCTION public.events_refuse_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind) THEN RETURN OLD; END IF; RAISE EXCEPTION 'events are append-only'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.coffre_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.events (
    id bigint NOT NULL,
    tenant_id text NOT NULL,
    slug text NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    commit text,
    machine text,
    details jsonb NOT NULL
);
CREATE SEQUENCE public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;
CREATE TABLE public.runs (
    id bigint NOT NULL,
    command text NOT NULL,
    tenants jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    outcome text,
    actor text NOT NULL,
    commit text
);
CREATE SEQUENCE public.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.runs_id_seq OWNED BY public.runs.id;
CREATE TABLE public.trimming (
    tenant_id text NOT NULL,
    kind text NOT NULL
);
CREATE TABLE public.usage (
    tenant_id text NOT NULL,
    measured_on date NOT NULL,
    machine text NOT NULL,
    current_bytes bigint NOT NULL,
    stored_bytes bigint NOT NULL,
    measured_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);
INSERT INTO public.coffre_version VALUES ('0002');
INSERT INTO public.events VALUES (1, 'k7f3q9wz2m', 'boulangerie-martin', 'quota_change', '2026-11-02 12:30:15.123456+00', 'claire@smileo.example', '0f3a9b1c', NULL, '{"reference": "BC-2026-0412", "quota_bytes": 9007199254740993}');
INSERT INTO public.events VALUES (2, 'k7f3q9wz2m', 'boulangerie-martin', 'install', '2026-11-02 13:30:15.123456+00', 'claire@smileo.example', '0f3a9b1c', 'compta-01', '{"é": {"clé": ["😀", "a\"b\\c"]}, "yes": true, "none": null, "tiny": 0.0000001, "large": 10000000000000000000000, "ratio": 0.1, "whole": 2.0, "generation": 1}');
INSERT INTO public.events VALUES (3, 'k7f3q9wz2m', 'boulangerie-martin', 'commissioned', '2026-11-02 14:30:15.123456+00', 'claire@smileo.example', '0f3a9b1c', NULL, '{"on": "2026-12-01", "pending": []}');
INSERT INTO public.events VALUES (4, 'k7f3q9wz2m', 'boulangerie-martin', 'password_used', '2026-11-02 15:30:15.123456+00', 'claire@smileo.example', NULL, 'compta-01', '{"reason": "drill"}');
INSERT INTO public.events VALUES (5, 'k7f3q9wz2m', 'boulangerie-martin', 'drill', '2026-11-02 12:30:15+00', 'claire@smileo.example', '0f3a9b1c', 'compta-01', '{"files": ["caf\\udce9"]}');
INSERT INTO public.events VALUES (6, 'm4ple9x2ya', 'garage-durand', 'departure', '2026-11-02 17:30:15.123456+00', 'claire@smileo.example', '0f3a9b1c', NULL, '{"stage": "notified"}');
INSERT INTO public.events VALUES (9, 'm4ple9x2ya', 'garage-durand', 'records_trimmed', '2026-11-02 20:30:15.123456+00', 'claire@smileo.example', '0f3a9b1c', NULL, '{"on": "2027-05-01", "trimmed": [{"kind": "drill", "count": 1}, {"kind": "password_used", "count": 1}]}');
INSERT INTO public.events VALUES (10, 'k7f3q9wz2m', 'boulangerie-martin', 'gate_change', '2026-11-02 21:30:15.123456+00', 'claire@smileo.example', '0f3a9b1c', 'compta-01', '{"is_open": false}');
INSERT INTO public.runs VALUES (1, 'apply', '["boulangerie-martin"]', '2026-11-02 12:30:15.123456+00', '2026-11-02 12:33:15.123456+00', 'done', 'claire@smileo.example', '0f3a9b1c');
INSERT INTO public.runs VALUES (2, 'drill', '["boulangerie-martin", "garage-durand"]', '2026-11-03 12:30:15.123456+00', NULL, NULL, 'paul', NULL);
INSERT INTO public.usage VALUES ('k7f3q9wz2m', '2026-12-01', 'compta-01', 10, 20, '2026-12-03 12:30:15.123456+00');
INSERT INTO public.usage VALUES ('k7f3q9wz2m', '2026-12-02', 'compta-01', 20, 40, '2026-12-04 12:30:15.123456+00');
SELECT pg_catalog.setval('public.events_id_seq', 10, true);
SELECT pg_catalog.setval('public.runs_id_seq', 2, true);
ALTER TABLE ONLY public.coffre_version
    ADD CONSTRAINT coffre_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.trimming
    ADD CONSTRAINT trimming_pkey PRIMARY KEY (tenant_id, kind);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, measured_on, machine);
CREATE INDEX events_by_tenant ON public.events USING btree (tenant_id, kind, machine);
CREATE TRIGGER events_no_change BEFORE UPDATE OR TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.events_refuse_change();
CREATE TRIGGER events_no_delete BEFORE DELETE ON public.events FOR EACH ROW EXECUTE FUNCTION public.events_refuse_delete();
