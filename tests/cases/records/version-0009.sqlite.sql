BEGIN TRANSACTION;
CREATE TABLE applied_files (
	sha256 TEXT NOT NULL, 
	tenant_id TEXT, 
	content BLOB NOT NULL, 
	PRIMARY KEY (sha256)
);
CREATE TABLE chain (
	position BIGINT NOT NULL, 
	form INTEGER NOT NULL, 
	subject TEXT NOT NULL, 
	subject_id BIGINT, 
	tenant_id TEXT, 
	kind TEXT, 
	salt TEXT, 
	content TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (position)
);
INSERT INTO "chain" VALUES(1,1,'event',1,'k7f3q9wz2m','install','76610812c743f4baf3c349957ef4168b','88dd3d17df1b9faa816eb63bc8ee7a434b64496ac81ca4580d7dd9a17e952eea','decc3135a855ca1a384398b513ce6f2461566756a186cf21443c96b7d568c6ff');
INSERT INTO "chain" VALUES(2,1,'memory',NULL,'k7f3q9wz2m','caisse-01','585ea090060457f6a9c0b13822735ce8','182c2acfcb53804a202c67cb102d19fc6f0924e3e30b001abf711aa535c08b57','a2be5bb8d5e901b6bd9510d9c70177b526ac0767fb8114c216d3698542ac6736');
INSERT INTO "chain" VALUES(3,1,'memory',NULL,'k7f3q9wz2m','compta-01','78c47b3e3add9f2704e2efe92839f88c','00cc6cf37da3339987263981974fd2c96e469e767bfc9639a2a14920691a41b2','a367746b182598e6dd6574158f23cd005c566cc9330e5b976b7c9f457b356321');
INSERT INTO "chain" VALUES(4,1,'memory',NULL,'m4ple9x2ya','pc-1','8cafed2eb69599186949f25716bda43f','6c1a3ac036a3d6945bd2bc340b32712d57888dcac523460caa1893f6ea09f181','1154ad88f88ca9e8352336634ad1cab82d2b39c6f02858bf6e416f39df25da1e');
CREATE TABLE chain_tip (
	id INTEGER NOT NULL, 
	database_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "chain_tip" VALUES(1,'1542be8223afa1912816413e7b608085',4,'1154ad88f88ca9e8352336634ad1cab82d2b39c6f02858bf6e416f39df25da1e');
CREATE TABLE coffre_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT coffre_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "coffre_version" VALUES('0009');
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
INSERT INTO "events" VALUES(1,'k7f3q9wz2m','boulangerie-martin','install','2026-11-24 03:04:05.678901','claire@smileo.example','0f3a','compta-01','{"generation": 1}');
CREATE TABLE heads (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	database_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	signed_at DATETIME NOT NULL, 
	public_key TEXT NOT NULL, 
	signature TEXT NOT NULL, 
	place TEXT NOT NULL
);
CREATE TABLE kept_findings (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	tenant_id TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	evidence JSON NOT NULL, 
	closed_at DATETIME, 
	acknowledged_by TEXT, 
	acknowledged_at DATETIME, 
	silenced_until DATETIME, 
	ticket TEXT
);
CREATE TABLE known_boots (
	tenant_id TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	machine_id TEXT NOT NULL, 
	hardware_id TEXT NOT NULL, 
	host_name TEXT NOT NULL, 
	is_own BOOLEAN NOT NULL, 
	is_accepted BOOLEAN NOT NULL, 
	booted_at DATETIME, 
	first_at DATETIME, 
	last_at DATETIME, 
	ended_at DATETIME, 
	boot_id TEXT NOT NULL, 
	last_number BIGINT, 
	let_go_number BIGINT, 
	PRIMARY KEY (tenant_id, machine, "key")
);
INSERT INTO "known_boots" VALUES('k7f3q9wz2m','compta-01','b1','abababababababababababababababab','','compta-01',1,1,'2026-11-24 03:04:05.678901','2026-11-24 03:04:05.678901','2026-11-24 03:04:05.678901','2026-11-24 03:04:05.678901','cccccccccccccccccccccccccccccccc',9007199254740992,1);
INSERT INTO "known_boots" VALUES('k7f3q9wz2m','compta-01','b2','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','efefefefefefefefefefefefefefefef','copie',0,0,NULL,NULL,NULL,NULL,'',NULL,NULL);
CREATE TABLE known_snapshots (
	tenant_id TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	snapshot_id TEXT NOT NULL, 
	seen_at DATETIME NOT NULL, 
	report_number BIGINT, 
	released TEXT, 
	released_at DATETIME, boot TEXT, 
	PRIMARY KEY (tenant_id, machine, snapshot_id)
);
INSERT INTO "known_snapshots" VALUES('k7f3q9wz2m','compta-01','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','2026-11-24 03:04:05.678901',41,NULL,NULL,NULL);
INSERT INTO "known_snapshots" VALUES('k7f3q9wz2m','compta-01','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','2026-11-24 03:04:05.678901',NULL,'pruned','2026-11-24 03:04:05.678901','b1');
INSERT INTO "known_snapshots" VALUES('k7f3q9wz2m','caisse-01','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','2026-11-24 03:04:05.678901',NULL,NULL,NULL,NULL);
CREATE TABLE machine_memory (
	tenant_id TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	report_number BIGINT, 
	accounted_number BIGINT, 
	sealed_since DATETIME, 
	clean_until DATETIME, 
	begun_at DATETIME, 
	check_in_number BIGINT, 
	packs BIGINT, 
	pack_bytes BIGINT, identified_since DATETIME, accepted_machine_id TEXT, accepted_hardware_id TEXT, accepted_host_name TEXT, accepted_at DATETIME, foreign_until DATETIME, 
	PRIMARY KEY (tenant_id, machine)
);
INSERT INTO "machine_memory" VALUES('k7f3q9wz2m','compta-01',4611686018427387904,41,'2026-11-24 03:04:05.678901','2026-11-24 03:04:05.678902','2026-11-24 03:04:05.678901',7,12,1099511627776,'2026-11-24 03:04:05.678901','abababababababababababababababab','','compta-01','2026-11-24 03:04:05.678901',NULL);
INSERT INTO "machine_memory" VALUES('k7f3q9wz2m','caisse-01',NULL,NULL,NULL,NULL,NULL,NULL,3,300,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "machine_memory" VALUES('m4ple9x2ya','pc-1',5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE messages (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	audience TEXT NOT NULL, 
	recipient TEXT NOT NULL, 
	tenant_id TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	about TEXT NOT NULL, 
	occurrence TEXT NOT NULL, 
	told TEXT NOT NULL, 
	content JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	not_before DATETIME NOT NULL, 
	is_digest BOOLEAN NOT NULL, 
	token TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	tried_at DATETIME, 
	error TEXT, 
	outcome TEXT, 
	outcome_at DATETIME, 
	proof JSON, 
	document TEXT
);
CREATE TABLE passes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	began_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	tenants INTEGER NOT NULL, 
	seen INTEGER
);
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
CREATE TABLE saved_plans (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	tenant_id TEXT NOT NULL, 
	tenant_file_sha256 TEXT NOT NULL, 
	saved_at DATETIME NOT NULL, 
	document TEXT NOT NULL
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
CREATE TABLE watched (
	tenant_id TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	looked_at DATETIME NOT NULL, 
	mark TEXT, 
	seen JSON NOT NULL, 
	PRIMARY KEY (tenant_id, machine)
);
CREATE INDEX events_by_tenant ON events (tenant_id, kind, machine);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events WHEN NOT EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind) BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE UNIQUE INDEX chain_by_subject ON chain (subject, subject_id);
CREATE INDEX chain_by_tenant ON chain (tenant_id, kind);
CREATE TRIGGER events_linked BEFORE INSERT ON events WHEN NOT EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'event' AND chain.subject_id = NEW.id) BEGIN SELECT RAISE(ABORT, 'events are added with their link'); END;
CREATE TRIGGER runs_linked BEFORE INSERT ON runs WHEN NOT EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'run' AND chain.subject_id = NEW.id) BEGIN SELECT RAISE(ABORT, 'runs are added with their link'); END;
CREATE TRIGGER runs_ended BEFORE UPDATE ON runs WHEN OLD.finished_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'run_end' AND chain.subject_id = NEW.id) BEGIN SELECT RAISE(ABORT, 'a run ends once, with its link'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs are append-only'); END;
CREATE TRIGGER runs_no_replace BEFORE INSERT ON runs WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'runs are append-only'); END;
CREATE TRIGGER chain_no_update BEFORE UPDATE ON chain WHEN NOT COALESCE((NEW.salt IS NULL AND NEW.position = OLD.position AND NEW.form = OLD.form AND NEW.subject = OLD.subject AND NEW.subject_id = OLD.subject_id AND NEW.tenant_id = OLD.tenant_id AND NEW.kind = OLD.kind AND NEW.content = OLD.content AND NEW.hash = OLD.hash AND OLD.subject = 'event' AND EXISTS (SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind)), 0) BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER chain_no_delete BEFORE DELETE ON chain BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER chain_no_replace BEFORE INSERT ON chain WHEN EXISTS (SELECT 1 FROM chain WHERE position = NEW.position OR (subject = NEW.subject AND subject_id = NEW.subject_id)) BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER heads_no_update BEFORE UPDATE ON heads BEGIN SELECT RAISE(ABORT, 'heads are append-only'); END;
CREATE TRIGGER heads_no_delete BEFORE DELETE ON heads BEGIN SELECT RAISE(ABORT, 'heads are append-only'); END;
CREATE TRIGGER heads_no_replace BEFORE INSERT ON heads WHEN EXISTS (SELECT 1 FROM heads WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'heads are append-only'); END;
CREATE TRIGGER known_snapshots_linked_insert BEFORE INSERT ON known_snapshots WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER known_snapshots_linked_update BEFORE UPDATE ON known_snapshots WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER known_snapshots_linked_delete BEFORE DELETE ON known_snapshots WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = OLD.tenant_id AND chain.kind = OLD.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER known_boots_linked_insert BEFORE INSERT ON known_boots WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER known_boots_linked_update BEFORE UPDATE ON known_boots WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER known_boots_linked_delete BEFORE DELETE ON known_boots WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = OLD.tenant_id AND chain.kind = OLD.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER machine_memory_linked_insert BEFORE INSERT ON machine_memory WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER machine_memory_linked_update BEFORE UPDATE ON machine_memory WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = NEW.tenant_id AND chain.kind = NEW.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE TRIGGER machine_memory_linked_delete BEFORE DELETE ON machine_memory WHEN NOT EXISTS (SELECT 1 FROM chain JOIN chain_tip ON chain.position = chain_tip.position WHERE chain.subject = 'memory' AND chain.tenant_id = OLD.tenant_id AND chain.kind = OLD.machine) BEGIN SELECT RAISE(ABORT, 'what is remembered changes with its link'); END;
CREATE INDEX saved_plans_by_content ON saved_plans (tenant_id, tenant_file_sha256);
CREATE INDEX applied_files_by_tenant ON applied_files (tenant_id);
CREATE UNIQUE INDEX kept_findings_open ON kept_findings (tenant_id, platform, machine, kind, detail) WHERE closed_at IS NULL;
CREATE INDEX kept_findings_by_end ON kept_findings (closed_at);
CREATE UNIQUE INDEX messages_once ON messages (audience, recipient, tenant_id, about, occurrence, told);
CREATE INDEX messages_by_subject ON messages (about, occurrence);
CREATE INDEX messages_by_outcome ON messages (outcome, outcome_at);
CREATE INDEX messages_by_tenant ON messages (tenant_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',1);
COMMIT;
