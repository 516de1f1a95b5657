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
INSERT INTO "events" VALUES(1,'k7f3q9wz2m','boulangerie-martin','quota_change','2026-11-02 12:30:15.123456','claire@smileo.example','0f3a9b1c',NULL,'{"quota_bytes": 9007199254740993, "reference": "BC-2026-0412"}');
INSERT INTO "events" VALUES(2,'k7f3q9wz2m','boulangerie-martin','install','2026-11-02 13:30:15.123456','claire@smileo.example','0f3a9b1c','compta-01','{"generation": 1, "ratio": 0.1, "tiny": 1e-07, "large": 1e+22, "whole": 2.0, "none": null, "yes": true, "\u00e9": {"cl\u00e9": ["\ud83d\ude00", "a\"b\\c"]}}');
INSERT INTO "events" VALUES(3,'k7f3q9wz2m','boulangerie-martin','commissioned','2026-11-02 14:30:15.123456','claire@smileo.example','0f3a9b1c',NULL,'{"on": "2026-12-01", "pending": []}');
INSERT INTO "events" VALUES(4,'k7f3q9wz2m','boulangerie-martin','password_used','2026-11-02 15:30:15.123456','claire@smileo.example',NULL,'compta-01','{"reason": "drill"}');
INSERT INTO "events" VALUES(5,'k7f3q9wz2m','boulangerie-martin','drill','2026-11-02 12:30:15.000000','claire@smileo.example','0f3a9b1c','compta-01','{"files": ["caf\\udce9"]}');
INSERT INTO "events" VALUES(6,'m4ple9x2ya','garage-durand','departure','2026-11-02 17:30:15.123456','claire@smileo.example','0f3a9b1c',NULL,'{"stage": "notified"}');
INSERT INTO "events" VALUES(9,'m4ple9x2ya','garage-durand','records_trimmed','2026-11-02 20:30:15.123456','claire@smileo.example','0f3a9b1c',NULL,'{"on": "2027-05-01", "trimmed": [{"kind": "drill", "count": 1}, {"kind": "password_used", "count": 1}]}');
INSERT INTO "events" VALUES(10,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-02 21:30:15.123456','claire@smileo.example','0f3a9b1c','compta-01','{"is_open": false}');
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
INSERT INTO "runs" VALUES(1,'apply','["boulangerie-martin"]','2026-11-02 12:30:15.123456','2026-11-02 12:33:15.123456','done','claire@smileo.example','0f3a9b1c');
INSERT INTO "runs" VALUES(2,'drill','["boulangerie-martin", "garage-durand"]','2026-11-03 12:30:15.123456',NULL,NULL,'paul',NULL);
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
INSERT INTO "usage" VALUES('k7f3q9wz2m','2026-12-01','compta-01',10,20,'2026-12-03 12:30:15.123456');
INSERT INTO "usage" VALUES('k7f3q9wz2m','2026-12-02','compta-01',20,40,'2026-12-04 12:30:15.123456');
CREATE INDEX events_by_tenant ON events (tenant_id, kind, machine);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events WHEN NOT EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind) BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
INSERT INTO "sqlite_sequence" VALUES('events',10);
COMMIT;
