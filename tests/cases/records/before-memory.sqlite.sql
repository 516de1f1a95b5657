BEGIN TRANSACTION;
CREATE TABLE coffre_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT coffre_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "coffre_version" VALUES('0002');
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	tenant_id TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	actor TEXT NOT NULL, 
	"commit" TEXT, 
	machine TEXT, 
	details JSON NOT NULL
);
INSERT INTO "events" VALUES(1,'k7f3q9wz2m','martin','install','2026-11-23 00:00:00.000000','claire',NULL,'compta-01','{"generation": 1}');
INSERT INTO "events" VALUES(2,'k7f3q9wz2m','martin','install','2026-11-23 00:00:00.000000','claire',NULL,'caisse-01','{"generation": 1}');
CREATE TABLE runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	command TEXT NOT NULL, 
	tenants JSON NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	outcome TEXT, 
	actor TEXT NOT NULL, 
	"commit" TEXT
);
CREATE TABLE trimming (
	tenant_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	PRIMARY KEY (tenant_id, kind)
);
CREATE TABLE usage (
	tenant_id TEXT NOT NULL, 
	measured_on DATE NOT NULL, 
	machine TEXT NOT NULL, 
	current_bytes BIGINT NOT NULL, 
	stored_bytes BIGINT NOT NULL, 
	measured_at DATETIME NOT NULL, 
	PRIMARY KEY (tenant_id, measured_on, machine)
);
CREATE INDEX events_by_tenant ON events (tenant_id, kind, machine);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events WHEN NOT EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind) BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',2);
COMMIT;
