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
CREATE FUNCTION public.chain_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the chain is append-only'; END $$;
CREATE FUNCTION public.chain_refuse_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.salt IS NULL AND NEW.position = OLD.position AND NEW.form = OLD.form AND NEW.subject = OLD.subject AND NEW.subject_id = OLD.subject_id AND NEW.tenant_id = OLD.tenant_id AND NEW.kind = OLD.kind AND NEW.content = OLD.content AND NEW.hash = OLD.hash AND OLD.subject = 'event' AND EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind) THEN RETURN NEW; END IF; RAISE EXCEPTION 'the chain is append-only'; END $$;
CREATE FUNCTION public.events_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
CREATE FUNCTION public.events_refuse_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind) THEN RETURN OLD; END IF; RAISE EXCEPTION 'events are append-only'; END $$;
CREATE FUNCTION public.events_refuse_unlinked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'event' AND chain.subject_id = NEW.id) THEN RETURN NEW; END IF; RAISE EXCEPTION 'events are added with their link'; END $$;
CREATE FUNCTION public.heads_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'heads are append-only'; END $$;
CREATE FUNCTION public.memory_refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'what is remembered changes with its link'; END $$;
CREATE FUNCTION public.memory_refuse_unlinked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) THEN RETURN NEW; END IF; RAISE EXCEPTION 'what is remembered changes with its link'; END $$;
CREATE FUNCTION public.memory_refuse_unlinked_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = OLD.tenant_id AND chain.kind = OLD.machine) THEN RETURN OLD; END IF; RAISE EXCEPTION 'what is remembered changes with its link'; END $$;
CREATE FUNCTION public.runs_refuse_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'runs are append-only'; END $$;
CREATE FUNCTION public.runs_refuse_unended() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF OLD.finished_at IS NULL AND EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'run_end' AND chain.subject_id = NEW.id) THEN RETURN NEW; END IF; RAISE EXCEPTION 'a run ends once, with its link'; END $$;
CREATE FUNCTION public.runs_refuse_unlinked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'run' AND chain.subject_id = NEW.id) THEN RETURN NEW; END IF; RAISE EXCEPTION 'runs are added with their link'; END $$;
CREATE TABLE public.applied_files (
    sha256 text NOT NULL,
    tenant_id text,
    content bytea NOT NULL
);
CREATE TABLE public.chain (
    "position" bigint NOT NULL,
    form integer NOT NULL,
    subject text NOT NULL,
    subject_id bigint,
    tenant_id text,
    kind text,
    salt text,
    content text NOT NULL,
    hash text NOT NULL
);
CREATE TABLE public.chain_tip (
    id integer NOT NULL,
    database_id text NOT NULL,
    "position" bigint NOT NULL,
    hash text NOT NULL
);
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
CREATE TABLE public.heads (
    id bigint NOT NULL,
    database_id text NOT NULL,
    "position" bigint NOT NULL,
    hash text NOT NULL,
    signed_at timestamp with time zone NOT NULL,
    public_key text NOT NULL,
    signature text NOT NULL,
    place text NOT NULL
);
CREATE SEQUENCE public.heads_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.heads_id_seq OWNED BY public.heads.id;
CREATE TABLE public.kept_findings (
    id bigint NOT NULL,
    tenant_id text NOT NULL,
    slug text NOT NULL,
    platform text NOT NULL,
    machine text NOT NULL,
    kind text NOT NULL,
    detail text NOT NULL,
    since timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    evidence jsonb NOT NULL,
    closed_at timestamp with time zone,
    acknowledged_by text,
    acknowledged_at timestamp with time zone,
    silenced_until timestamp with time zone,
    ticket text
);
CREATE SEQUENCE public.kept_findings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.kept_findings_id_seq OWNED BY public.kept_findings.id;
CREATE TABLE public.known_boots (
    tenant_id text NOT NULL,
    machine text NOT NULL,
    key text NOT NULL,
    machine_id text NOT NULL,
    hardware_id text NOT NULL,
    host_name text NOT NULL,
    is_own boolean NOT NULL,
    is_accepted boolean NOT NULL,
    booted_at timestamp with time zone,
    first_at timestamp with time zone,
    last_at timestamp with time zone,
    ended_at timestamp with time zone,
    boot_id text NOT NULL,
    last_number bigint,
    let_go_number bigint
);
CREATE TABLE public.known_snapshots (
    tenant_id text NOT NULL,
    machine text NOT NULL,
    snapshot_id text NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    report_number bigint,
    released text,
    released_at timestamp with time zone,
    boot text
);
CREATE TABLE public.machine_memory (
    tenant_id text NOT NULL,
    machine text NOT NULL,
    report_number bigint,
    accounted_number bigint,
    sealed_since timestamp with time zone,
    clean_until timestamp with time zone,
    begun_at timestamp with time zone,
    check_in_number bigint,
    packs bigint,
    pack_bytes bigint,
    identified_since timestamp with time zone,
    accepted_machine_id text,
    accepted_hardware_id text,
    accepted_host_name text,
    accepted_at timestamp with time zone,
    foreign_until timestamp with time zone
);
CREATE TABLE public.messages (
    id bigint NOT NULL,
    audience text NOT NULL,
    recipient text NOT NULL,
    tenant_id text NOT NULL,
    slug text NOT NULL,
    kind text NOT NULL,
    about text NOT NULL,
    occurrence text NOT NULL,
    told text NOT NULL,
    content jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone NOT NULL,
    is_digest boolean NOT NULL,
    token text NOT NULL,
    attempts integer NOT NULL,
    tried_at timestamp with time zone,
    error text,
    outcome text,
    outcome_at timestamp with time zone,
    proof jsonb,
    document text
);
CREATE SEQUENCE public.messages_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.messages_id_seq OWNED BY public.messages.id;
CREATE TABLE public.passes (
    id bigint NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    tenants integer NOT NULL,
    seen integer
);
CREATE SEQUENCE public.passes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.passes_id_seq OWNED BY public.passes.id;
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
CREATE TABLE public.saved_plans (
    id bigint NOT NULL,
    tenant_id text NOT NULL,
    tenant_file_sha256 text NOT NULL,
    saved_at timestamp with time zone NOT NULL,
    document text NOT NULL
);
CREATE SEQUENCE public.saved_plans_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.saved_plans_id_seq OWNED BY public.saved_plans.id;
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
CREATE TABLE public.watched (
    tenant_id text NOT NULL,
    machine text NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    mark text,
    seen jsonb NOT NULL
);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
ALTER TABLE ONLY public.heads ALTER COLUMN id SET DEFAULT nextval('public.heads_id_seq'::regclass);
ALTER TABLE ONLY public.kept_findings ALTER COLUMN id SET DEFAULT nextval('public.kept_findings_id_seq'::regclass);
ALTER TABLE ONLY public.messages ALTER COLUMN id SET DEFAULT nextval('public.messages_id_seq'::regclass);
ALTER TABLE ONLY public.passes ALTER COLUMN id SET DEFAULT nextval('public.passes_id_seq'::regclass);
ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);
ALTER TABLE ONLY public.saved_plans ALTER COLUMN id SET DEFAULT nextval('public.saved_plans_id_seq'::regclass);
INSERT INTO public.chain VALUES (1, 1, 'event', 1, 'k7f3q9wz2m', 'install', '991dea00c1d2f76c02ab6f5dff1345db', '16a39e927f32582bf05262bd7545c74dc88d395110e9da8620cc93ec44a5b44a', 'd2c4f192afc5dbdf3d057cc45700076ca637972b097af1938e4c2e3e0b2f044d');
INSERT INTO public.chain VALUES (2, 1, 'memory', NULL, 'k7f3q9wz2m', 'caisse-01', 'b2e5ec56ddd514355a40332720158739', '66f321eccfa98078340db0661374d65d0bbe38d52f74a5362575312b537c7286', 'b6d6cc8fb8d2234a91b728c15508a8627ef1c6b5ba16742ebec3c270ac953c89');
INSERT INTO public.chain VALUES (3, 1, 'memory', NULL, 'k7f3q9wz2m', 'compta-01', '32758c95f586da611ded60665effd957', 'fc4a77dbcdc2c7a117e418cd7e6c56a7aab1b257ab05fa47c648de0087822e0e', '64d0d0b3883cd8d8198c68f137db1a7b6b5ba6187615496822bf5153b43070d3');
INSERT INTO public.chain VALUES (4, 1, 'memory', NULL, 'm4ple9x2ya', 'pc-1', '12ac85c92dea48f86e07391a532fc7d4', '1cff71e2ec4fe00abc9b41a02cee261ec49f98b23631709209e81a634d3821c6', 'e22ffa94a1819f862689e3d81ea819ac0429cca9005e774ab6d98110870f7b87');
INSERT INTO public.chain_tip VALUES (1, '5942ffef6be8ab6232fa97c504f33832', 4, 'e22ffa94a1819f862689e3d81ea819ac0429cca9005e774ab6d98110870f7b87');
INSERT INTO public.coffre_version VALUES ('0009');
INSERT INTO public.events VALUES (1, 'k7f3q9wz2m', 'boulangerie-martin', 'install', '2026-11-24 03:04:05.678901+00', 'claire@smileo.example', '0f3a', 'compta-01', '{"generation": 1}');
INSERT INTO public.known_boots VALUES ('k7f3q9wz2m', 'compta-01', 'b1', 'abababababababababababababababab', '', 'compta-01', true, true, '2026-11-24 03:04:05.678901+00', '2026-11-24 03:04:05.678901+00', '2026-11-24 03:04:05.678901+00', '2026-11-24 03:04:05.678901+00', 'cccccccccccccccccccccccccccccccc', 9007199254740992, 1);
INSERT INTO public.known_boots VALUES ('k7f3q9wz2m', 'compta-01', 'b2', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 'efefefefefefefefefefefefefefefef', 'copie', false, false, NULL, NULL, NULL, NULL, '', NULL, NULL);
INSERT INTO public.known_snapshots VALUES ('k7f3q9wz2m', 'compta-01', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2026-11-24 03:04:05.678901+00', 41, NULL, NULL, NULL);
INSERT INTO public.known_snapshots VALUES ('k7f3q9wz2m', 'compta-01', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2026-11-24 03:04:05.678901+00', NULL, 'pruned', '2026-11-24 03:04:05.678901+00', 'b1');
INSERT INTO public.known_snapshots VALUES ('k7f3q9wz2m', 'caisse-01', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', '2026-11-24 03:04:05.678901+00', NULL, NULL, NULL, NULL);
INSERT INTO public.machine_memory VALUES ('k7f3q9wz2m', 'compta-01', 4611686018427387904, 41, '2026-11-24 03:04:05.678901+00', '2026-11-24 03:04:05.678902+00', '2026-11-24 03:04:05.678901+00', 7, 12, 1099511627776, '2026-11-24 03:04:05.678901+00', 'abababababababababababababababab', '', 'compta-01', '2026-11-24 03:04:05.678901+00', NULL);
INSERT INTO public.machine_memory VALUES ('k7f3q9wz2m', 'caisse-01', NULL, NULL, NULL, NULL, NULL, NULL, 3, 300, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.machine_memory VALUES ('m4ple9x2ya', 'pc-1', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT pg_catalog.setval('public.events_id_seq', 1, false);
SELECT pg_catalog.setval('public.heads_id_seq', 1, false);
SELECT pg_catalog.setval('public.kept_findings_id_seq', 1, false);
SELECT pg_catalog.setval('public.messages_id_seq', 1, false);
SELECT pg_catalog.setval('public.passes_id_seq', 1, false);
SELECT pg_catalog.setval('public.runs_id_seq', 1, false);
SELECT pg_catalog.setval('public.saved_plans_id_seq', 1, false);
ALTER TABLE ONLY public.applied_files
    ADD CONSTRAINT applied_files_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.chain
    ADD CONSTRAINT chain_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.chain_tip
    ADD CONSTRAINT chain_tip_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.coffre_version
    ADD CONSTRAINT coffre_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.heads
    ADD CONSTRAINT heads_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.kept_findings
    ADD CONSTRAINT kept_findings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.known_boots
    ADD CONSTRAINT known_boots_pkey PRIMARY KEY (tenant_id, machine, key);
ALTER TABLE ONLY public.known_snapshots
    ADD CONSTRAINT known_snapshots_pkey PRIMARY KEY (tenant_id, machine, snapshot_id);
ALTER TABLE ONLY public.machine_memory
    ADD CONSTRAINT machine_memory_pkey PRIMARY KEY (tenant_id, machine);
ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.passes
    ADD CONSTRAINT passes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.saved_plans
    ADD CONSTRAINT saved_plans_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.trimming
    ADD CONSTRAINT trimming_pkey PRIMARY KEY (tenant_id, kind);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, measured_on, machine);
ALTER TABLE ONLY public.watched
    ADD CONSTRAINT watched_pkey PRIMARY KEY (tenant_id, machine);
CREATE INDEX applied_files_by_tenant ON public.applied_files USING btree (tenant_id);
CREATE UNIQUE INDEX chain_by_subject ON public.chain USING btree (subject, subject_id);
CREATE INDEX chain_by_tenant ON public.chain USING btree (tenant_id, kind);
CREATE INDEX events_by_tenant ON public.events USING btree (tenant_id, kind, machine);
CREATE INDEX kept_findings_by_end ON public.kept_findings USING btree (closed_at);
CREATE UNIQUE INDEX kept_findings_open ON public.kept_findings USING btree (tenant_id, platform, machine, kind, detail) WHERE (closed_at IS NULL);
CREATE INDEX messages_by_outcome ON public.messages USING btree (outcome, outcome_at);
CREATE INDEX messages_by_subject ON public.messages USING btree (about, occurrence);
CREATE INDEX messages_by_tenant ON public.messages USING btree (tenant_id);
CREATE UNIQUE INDEX messages_once ON public.messages USING btree (audience, recipient, tenant_id, about, occurrence, told);
CREATE INDEX saved_plans_by_content ON public.saved_plans USING btree (tenant_id, tenant_file_sha256);
CREATE TRIGGER chain_no_delete BEFORE DELETE OR TRUNCATE ON public.chain FOR EACH STATEMENT EXECUTE FUNCTION public.chain_refuse_change();
CREATE TRIGGER chain_no_update BEFORE UPDATE ON public.chain FOR EACH ROW EXECUTE FUNCTION public.chain_refuse_update();
CREATE TRIGGER events_linked BEFORE INSERT ON public.events FOR EACH ROW EXECUTE FUNCTION public.events_refuse_unlinked();
CREATE TRIGGER events_no_change BEFORE UPDATE OR TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.events_refuse_change();
CREATE TRIGGER events_no_delete BEFORE DELETE ON public.events FOR EACH ROW EXECUTE FUNCTION public.events_refuse_delete();
CREATE TRIGGER heads_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.heads FOR EACH STATEMENT EXECUTE FUNCTION public.heads_refuse_change();
CREATE TRIGGER known_boots_linked BEFORE INSERT OR UPDATE ON public.known_boots FOR EACH ROW EXECUTE FUNCTION public.memory_refuse_unlinked();
CREATE TRIGGER known_boots_linked_delete BEFORE DELETE ON public.known_boots FOR EACH ROW EXECUTE FUNCTION public.memory_refuse_unlinked_delete();
CREATE TRIGGER known_boots_no_truncate BEFORE TRUNCATE ON public.known_boots FOR EACH STATEMENT EXECUTE FUNCTION public.memory_refuse_truncate();
CREATE TRIGGER known_snapshots_linked BEFORE INSERT OR UPDATE ON public.known_snapshots FOR EACH ROW EXECUTE FUNCTION public.memory_refuse_unlinked();
CREATE TRIGGER known_snapshots_linked_delete BEFORE DELETE ON public.known_snapshots FOR EACH ROW EXECUTE FUNCTION public.memory_refuse_unlinked_delete();
CREATE TRIGGER known_snapshots_no_truncate BEFORE TRUNCATE ON public.known_snapshots FOR EACH STATEMENT EXECUTE FUNCTION public.memory_refuse_truncate();
CREATE TRIGGER machine_memory_linked BEFORE INSERT OR UPDATE ON public.machine_memory FOR EACH ROW EXECUTE FUNCTION public.memory_refuse_unlinked();
CREATE TRIGGER machine_memory_linked_delete BEFORE DELETE ON public.machine_memory FOR EACH ROW EXECUTE FUNCTION public.memory_refuse_unlinked_delete();
CREATE TRIGGER machine_memory_no_truncate BEFORE TRUNCATE ON public.machine_memory FOR EACH STATEMENT EXECUTE FUNCTION public.memory_refuse_truncate();
CREATE TRIGGER runs_ended BEFORE UPDATE ON public.runs FOR EACH ROW EXECUTE FUNCTION public.runs_refuse_unended();
CREATE TRIGGER runs_linked BEFORE INSERT ON public.runs FOR EACH ROW EXECUTE FUNCTION public.runs_refuse_unlinked();
CREATE TRIGGER runs_no_delete BEFORE DELETE OR TRUNCATE ON public.runs FOR EACH STATEMENT EXECUTE FUNCTION public.runs_refuse_delete();
