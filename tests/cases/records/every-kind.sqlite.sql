BEGIN TRANSACTION;
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
INSERT INTO "chain" VALUES(1,1,'event',1,'k7f3q9wz2m','install','f25bbc3de25b89783addd0cf2b6aa62a','344d8a838d1366e1b93dbeff6ba9121bc3f03df22804aab91abc2119f58fe658','d773ffc710a3168dae03ac774003b09f1bfaf7a54ccdac4d76cf4f038ee3f6e8');
INSERT INTO "chain" VALUES(2,1,'event',2,'k7f3q9wz2m','update','a9ba53520c7752ec1417f66cdbff2ec2','dd6433658072d4490cd9aeb81761a7618ae66cfe3fdc760ebe4ccd9e8df63a72','f0dab6159ee7dd3c8c0d94ecb355767a51301445c09ddabd54c72265b776143f');
INSERT INTO "chain" VALUES(3,1,'event',3,'k7f3q9wz2m','update','3f770cf51bf0c43d78e2c03c46aaab42','2ec0dcf31e0ab18aab4993629be16a27ca1b824f695bee52aec53fbbd7750dbf','30e492a6e1717a6b32bc46ef480d13b0f2a7ae9a2fce282a32639f02369063de');
INSERT INTO "chain" VALUES(4,1,'event',4,'k7f3q9wz2m','orders','db5ebfde4d5d7f9fd32853f770cfc296','9ec3e023f2fc244caa721a6b1a6dc76756db92b330cd18c11da22348d8f924a1','dc98dd824a9e3b7a5a3183e6f38cfaee8fa97133144780f77859c0f562cfd106');
INSERT INTO "chain" VALUES(5,1,'event',5,'k7f3q9wz2m','orders','f335a47bd80500dac3a23dedbf16acb0','e3dbc4c88df261c3c6860d4e47d78abdf8163f62d44dce593327405ccc065c97','c361beb41dfce9a282e35298a3569ed410449153b96c3c3c7a7c065ba9d82a9c');
INSERT INTO "chain" VALUES(6,1,'event',6,'k7f3q9wz2m','orders_written','0b527b2690bdd0dd019cf5a3eb9d8299','8737ed2c08bd8e06aaae4b8c5c5f3e4f89c26186de1a99aee6e4d779278c3b0e','7f3d71c79a5269b567947fa7fb084135f76cfb1a96f0683f2b4d8f4cf285c17e');
INSERT INTO "chain" VALUES(7,1,'event',7,'k7f3q9wz2m','enrolment','49789cc04b8253c884ca2a04dc4c8add','0a7b5dd7d2650cce7ced1fe41f51f73b58d3c1ccc64dcda4928c61f4399e8115','60ba3fb7c27240f9c2a88b671522b441b672c983ed1f855c122d5e1d886d6504');
INSERT INTO "chain" VALUES(8,1,'event',8,'k7f3q9wz2m','removal','36c1bb342041f1cae628cc0274abf996','b1329d4d68f5616a8a70973bce7d7cb803a3b06bd62662292ec623978c3f62cc','f9f16e79eb50c24d8b918e2da66eac4f0a4c9c4ec19d0eef8759fbf984f42786');
INSERT INTO "chain" VALUES(9,1,'event',9,'k7f3q9wz2m','retirement','45357850e10789c9abae009947d6a0d6','ceff3dfc01741d730ab6c2a89d5add469e5e84bc2e6d4254bf5f26e009b204ce','77858e6b00759adc4aec1201ab9abd47c99ffde246bb966b24a78ba4144113d9');
INSERT INTO "chain" VALUES(10,1,'event',10,'k7f3q9wz2m','quota_change','40682d29b99a6e9f8b40e2e2a3956a4a','3dacf8405bae6f0e1ac2ba24628851003fa785f1ec7477097914fbfef5ff83ad','24aaa1db4aa20341fdddb759425d1653911c3fcb2ce92a5d3162c216fb8c3af4');
INSERT INTO "chain" VALUES(11,1,'event',11,'k7f3q9wz2m','licence_change','f4ba6937b008d9a8be04b5ddd5f678a6','f84ab895f8c67b6bbadf34da3d0b03066439029c8745c29ac0ea1a16bb2bc75c','1ca31046d72619fa859b9182d489b9365a92066dec28ca18f2c0430dbe989f9b');
INSERT INTO "chain" VALUES(12,1,'event',12,'k7f3q9wz2m','option_change','ced5f64ebf899ffb7ec5d07cf03f12fa','a9a78d8cf6af6a887ac61b00f2099935ece6c939a9b5487f99f6abf9fc9efaf2','323f49df8835f4332bfc6570e79d731fec37858eea41baf24d247ca265c726c9');
INSERT INTO "chain" VALUES(13,1,'event',13,'k7f3q9wz2m','suspension_change','3889523eac5167ff341f7e091a878575','c44ab01d29ff1275c2a3c129d277467e932775ecc689fc628825e9b5151de060','0eb1f6b5918482d6556fa06b81dbb8ae64e135957f3e2d0d2e56a832ba421fb8');
INSERT INTO "chain" VALUES(14,1,'event',14,'k7f3q9wz2m','hold_change','7fe38de3d280827a86db6101e0da5539','d0d3d1baa51306cd009d409ae69c77dc535e3694cf6138cb57bde5a64751173b','1cd8372c0462c26eb17e477925692443ab32b999123cf8829894112096078b62');
INSERT INTO "chain" VALUES(15,1,'event',15,'k7f3q9wz2m','hold_change','a4f9b29dc941c0413b2f3fd33bce3369','86b780ceb68c5e9ce015cd242f45f1fdfd8b1bbf3a88e79496854b78fdcd8406','19f94ee19f279b9bc1e84c5a54296c8d9707bdfae5bce3af7d077412f2eeee83');
INSERT INTO "chain" VALUES(16,1,'event',16,'k7f3q9wz2m','commissioned','6b9e76863781ab8275ea2298a1533803','ee0e565531f76e4a7d75a854a5be1be1240f7dce65aebd2d3f23fac1d94ae529','d790fbd90070f28a8a0922d1fbe4a4d296ccc54529d9225eb92bd8ff8c49a5ca');
INSERT INTO "chain" VALUES(17,1,'event',17,'k7f3q9wz2m','password_used','603cb61fadb3de15a75fbd3ee69bacc9','d9d659fcf3923a9e8736809acac959c79fd3715fbd4b4afd4148fca270b12c6d','9811c87698f5860b8ff5b2ee25568f9f031928f9c0b8e0a8d01199f7398675c3');
INSERT INTO "chain" VALUES(18,1,'event',18,'k7f3q9wz2m','drill','849c8bfb46a45dffa695fd4577cd9f3d','998811cddf6fb0be32dd20e2ab9a401733e4588fcda213e8ea47fe306373a0fe','11a8589ac366b0922c3743da282a2cfda13b126cdfa6e7e657afb52008f2709d');
INSERT INTO "chain" VALUES(19,1,'event',19,'k7f3q9wz2m','drill','733eaff931bbb223a85249489f4b1fe0','085f2da7561e1f8ea720d8310234e27f21ac926bc713bac86ea52825674a2849','ff011fb65e63f04a42210e68a2e4d0f74f21458553161297d8753778bed4c73d');
INSERT INTO "chain" VALUES(20,1,'event',20,'k7f3q9wz2m','verification','c0332afa6d23ecfeb57071f375db5812','3dac98c711f5e0ada3454f02557e3efd0ab55f8346c8719db33995612467edf1','f9f788ad91b446626241ce8ed85180ee3faab4c36ea007c0681843a0b587f1f5');
INSERT INTO "chain" VALUES(21,1,'event',21,'k7f3q9wz2m','verification_round','31cf135120333bbe6e6f649ed72adb12','6ca35a04888e8f8f4c58a60f24f7f04be89332623dcf7fea51c033c7b0e8dbd4','ca1347a842790ab4bfdf20366467d46a2ae28ae80cec428b18b11776ff543221');
INSERT INTO "chain" VALUES(22,1,'event',22,'k7f3q9wz2m','gate_change','b59ff2d12de1c20cadc43933f31efa28','2eb6ca3733bffd96c26fd5443379cde9d4523662ba15a7680025959a2b3cdfd2','1ae5e331c8f4d3bca13b575b141253510537cd6c6b841764e394d1e8bf068b41');
INSERT INTO "chain" VALUES(23,1,'event',23,'k7f3q9wz2m','gate_change','a65eff8e15386234ecd59cbcea3f2792','40f7514a41472ef9f60aa2120beaa7e5bc16cb3f8f6d3fd6387b5bd9cffb6c6b','5ab24e7830a17b90a2170cc933fbc8532aa9899e1132aa85b19de98af47377fd');
INSERT INTO "chain" VALUES(24,1,'event',24,'k7f3q9wz2m','gate_change','6b029d5572db58fda2bf0546a52b4639','6fa5e1797a360210de5917a886b0f4b35fee529d59dce93c89326a5218b57a5e','3fbdbd8339b85c3e8bb30e77ee7827b45c740fbc2bbb0bd39a20b11599baf9a3');
INSERT INTO "chain" VALUES(25,1,'event',25,'k7f3q9wz2m','gate_word','d1b8a90c597c820b5ce14870e01d35dc','d364f2b6c2e995eac44f8d79274ab5478b4ca88d0da9402c380a557f172190ee','08b844b4436a80c84c2be13ba82d5398dcf90f4846318299546e1cb4b852dd62');
INSERT INTO "chain" VALUES(26,1,'event',26,'k7f3q9wz2m','out_of_hours_apply','1280ea746dcd8486e1301d38831e8872','c3596c978301c749f47cc772aa0660baaafd63ad243b80ec9a14d7f98ef0a768','472f4cfe430bedd2671c059ebda27ebde3054b31ae02e7e9dace6ff4418014e1');
INSERT INTO "chain" VALUES(27,1,'event',27,'k7f3q9wz2m','key_rotated','2387a5f4ca953ddf90bc905e78d529f5','9cbd07bfbceca512ef52932f8a36ba17062212e704bc359e535b597028d53a01','531311f24f247823b5e2414e15c819a4bba53b1456b5aaff6f4ceb8bab165200');
INSERT INTO "chain" VALUES(28,1,'event',28,'k7f3q9wz2m','key_rotated','26b40218b78e914144c90c53874efa47','991e2f3c5e19ccd8c5f6fadf31e049e990642af751f87ced3e5ad394570a1327','6d99e562eabc03a452dfe40738630ab0e1fa7fdba18770a4a357d16b2d6b1419');
INSERT INTO "chain" VALUES(29,1,'event',29,'k7f3q9wz2m','undelete','8981183b7abdeaab3e4c7710ddf459fb','da99dce9bb7c25fdc43ef2427c1fd67081caeb959f74f12d7567e653dec83836','8478896b864e5d8ec5338439f7954c17b90bbffa632513a52cc2c551cb624f72');
INSERT INTO "chain" VALUES(30,1,'event',30,'k7f3q9wz2m','undelete','c8221b614844cd7d8f94b10002568ebf','4eb7a6f436b2684f4139ad41e5fd85aee5da415e7da70ff4e01ea848df34a925','091f7e2ef6dd3866f9714e71c6047bd91005ed3152a3c8313cde46011725b8be');
INSERT INTO "chain" VALUES(31,1,'event',31,'k7f3q9wz2m','snapshot_set_aside','0289d50b1f2568c2a450ebe3cf6a0a9a','a4839ba88fd0354dc3be2cc8745f91f08069683b50c2244197421c64dc713536','0f8d8c586f72e54e2fc29b8907fe005a68a27411cc1185d5f36a726a251779b8');
INSERT INTO "chain" VALUES(32,1,'event',32,'k7f3q9wz2m','snapshot_brought_back','6300066783214753f7c45ae2830112ee','0a698b4d24ca14d6e3522a6337b8a90fe59ff410fd41046a204566d5410bd4f0','d87cf0db052b2b990ba350433d22c516de0a3276e9f7bf7ac7ad99cf515e8840');
INSERT INTO "chain" VALUES(33,1,'event',33,'k7f3q9wz2m','snapshots_released','bef277d72d66d3c5a77dcf215c3f7ce2','179b8ee6760a9a80520b2e36969757ac2bff70c84ac1ca1879bac46438933214','4395b7b0d7f95caa2dcb8a0dea124fd269c7d03a582978838af657469c3241ce');
INSERT INTO "chain" VALUES(34,1,'event',34,'k7f3q9wz2m','snapshots_released','f7ed77f916a47053d984a9ee9ca779a3','eb54f4b9fd9de4421a5f1c07ba1a84aa35d49adf8385d5942cca0a8a6b68650d','e07271259c815916bd016b7f3efffa828330bce91d1fca20c8749008e765d630');
INSERT INTO "chain" VALUES(35,1,'event',35,'k7f3q9wz2m','new_repository','13f2c6fae1063b7cbf6f89eec0660839','10778e124782e6b99d79368a93f54bf732dcc9ed58c7da7dda4b170a5e2c93eb','c6bde7b72967804dc4c80820345798be7eef256171b20ae293ab3a981f83b9f2');
INSERT INTO "chain" VALUES(36,1,'event',36,'k7f3q9wz2m','new_repository','949626e4f478853770172669f3e76218','325a1d913605a1d7db8baee101487f3c7ac4e3e920f92bb734255ee0b5b773ea','bb4287b6f7bf1cafc18d87ff7ee5b548684deed2b834a652d194b9ff679e9ca5');
INSERT INTO "chain" VALUES(37,1,'event',37,'k7f3q9wz2m','machine_replaced','6eb6b64142f49c90765cad73bbd02252','fdddcf549957607e97954b1941f260a4dc3ae781cffd76c80b747c904be833ce','a20e7e94f8b4e4a164d47a5de45a6fc5a2f4efecb5c3ba6e981b419ada775e81');
INSERT INTO "chain" VALUES(38,1,'event',38,'k7f3q9wz2m','machine_replaced','cefcfbd2b1bf7eb1424ff14120a88956','2f0156e84e34d1775b3d9716a46ac83afbfc10d47e756d6ed2accb46d0f77701','e83fe8baa1b7621d18bc05a33ddf1e102c1b1c2c1d7987d1e8d98ea198441731');
INSERT INTO "chain" VALUES(39,1,'event',39,'k7f3q9wz2m','paths_accepted','e5561a97fb8257d4bd478efb813341ab','626d4b856a110a21916b45efc28e281b2411db545a1b7c7ec14ac646b2ab1a91','7ab27aef46a69b0a15cb16e9d66c982c7f1a76c601112dd39643c87b983d7354');
INSERT INTO "chain" VALUES(40,1,'event',40,'k7f3q9wz2m','departure','c219b9dd98a90863b66d9339228047a8','48e208c77961e1401ec2946b6c9e3002c2829879477e8c37988094b3fdc065ae','1edb5b914cf834250920040973a44a8521dab2fad4e58614e8896007826cd5e0');
INSERT INTO "chain" VALUES(41,1,'event',41,'k7f3q9wz2m','departure','9847447386a8405325bc1aeb33099a49','4a80f7bc469a8025a2dcd8777fc39e903262551ef12107481919dba1edf8f0cd','fe294f902c2cc4d9334ba62326e2ad4655b690ede935149bd7504ba54685d920');
INSERT INTO "chain" VALUES(42,1,'event',42,'k7f3q9wz2m','departure_step','11957fe90fd0605011eb4b3150227af3','fee1b5dc97a38799e6ef88026bb06da8804ae3187c390011ea7c1066a6576e9c','bbcb63f37a6161f10bffa5318eb01c935dd98f01b44616a35fa843ce7c8fb964');
INSERT INTO "chain" VALUES(43,1,'event',43,'k7f3q9wz2m','letter','aaa1bf1bd6ff552f88416e15a8f2a17d','79f96adce1692608211d015a2a7019686f74de5be865ce79060cda7e90db3192','f93988be2fc7cfc5407a366a4ec863f3019904d2a2560eb19d17b2aafcfe604b');
INSERT INTO "chain" VALUES(44,1,'event',44,'k7f3q9wz2m','letter','90e728563795fa1e76c93ecda09388ef','ad7f9efbbe586bda7b24057605498bca1a2de1aaae3c06162c8b21a8516d8c05','fcbbebb19de40ea59cfbba7d21c2248abc301496caaeddee6812a60f3fd72dbb');
INSERT INTO "chain" VALUES(45,1,'event',45,'k7f3q9wz2m','disclosure','d3f33af7b5b513466cbbf4c43a233d61','c2d64b967c49d49d0b231ce12dd3eca15b0078c4aed6b5c43003174003a09949','38da7a82f5ccf4611caf16f8ac8c7821b51b662b6638541492ae9aded903f5ee');
INSERT INTO "chain" VALUES(46,1,'event',46,'k7f3q9wz2m','disclosure','d0c6b5c02e7fc67839025a13c9999eaa','397e19dcfed5986052e3c937025a99b7fb6b40506254dc66b7d38617ccf7ecd4','966611eb72701290e309156b0930b6451d12106931102def63e0b2c040b651b1');
INSERT INTO "chain" VALUES(47,1,'event',47,'k7f3q9wz2m','hold_placed','11f052d4e2e7470885f4c18c0df4a288','6b2564f6ec3fef709363dfdfd0dbc65939a8e4b560b6fea0952053d1d7d156fb','c6bc9883c5b73886da4ff2396ff8e6aca1999ca996ac2ffb91a0107d086b9ff5');
INSERT INTO "chain" VALUES(48,1,'event',48,'k7f3q9wz2m','hold_lifted','4c99357f930c798c384114cd16041c83','401b3bbc2e5d2a5378731fa3f5b60182b8d184654523949a325dcc3e6b7f9f52','41996d7e23063f144edd75901a8183511b9c9f0ae2b830772632f5d5cb3c4471');
INSERT INTO "chain" VALUES(49,1,'event',49,'k7f3q9wz2m','records_trimmed','620943d6bb83d3d9bba004f99cc7d3bd','adb6f5abdec11487cc741a8c0b772495f142b07f8358d74d2202db54167be757','ecc7802e356fffddf9ec88fa74690c580ecfd756ec5c762d73d00f1df1ea94ae');
CREATE TABLE chain_tip (
	id INTEGER NOT NULL, 
	database_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "chain_tip" VALUES(1,'57beec284967f3d9a916d6a3934973f1',49,'ecc7802e356fffddf9ec88fa74690c580ecfd756ec5c762d73d00f1df1ea94ae');
CREATE TABLE coffre_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT coffre_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "coffre_version" VALUES('0006');
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
INSERT INTO "events" VALUES(1,'k7f3q9wz2m','boulangerie-martin','install','2026-11-20 03:04:05.000000','claire@smileo.example','0f3a','compta-01','{"licence": "workstation", "generation": 3, "agent_sha256": "abababababababababababababababababababababababababababababababab", "agent_version": "0.2.0", "connection": "ssh root@compta.example:22"}');
INSERT INTO "events" VALUES(2,'k7f3q9wz2m','boulangerie-martin','update','2026-11-20 03:05:05.000000','claire@smileo.example','0f3a','compta-01','{"licence": "workstation", "generation": 4, "agent_sha256": "abababababababababababababababababababababababababababababababab", "agent_version": "0.3.0", "connection": "winrm admin@compta.example:5986"}');
INSERT INTO "events" VALUES(3,'k7f3q9wz2m','boulangerie-martin','update','2026-11-20 03:06:05.000000','claire@smileo.example','0f3a','compta-01','{"licence": "workstation", "generation": 2}');
INSERT INTO "events" VALUES(4,'k7f3q9wz2m','boulangerie-martin','orders','2026-11-20 03:07:05.000000','claire@smileo.example','0f3a','compta-01','{"generation": 3, "differences": ["plan.paths"]}');
INSERT INTO "events" VALUES(5,'k7f3q9wz2m','boulangerie-martin','orders','2026-11-20 03:08:05.000000','claire@smileo.example','0f3a','compta-01','{"generation": 4, "differences": [], "renews": true}');
INSERT INTO "events" VALUES(6,'k7f3q9wz2m','boulangerie-martin','orders_written','2026-11-20 03:09:05.000000','claire@smileo.example','0f3a','compta-01','{"generation": 4}');
INSERT INTO "events" VALUES(7,'k7f3q9wz2m','boulangerie-martin','enrolment','2026-11-20 03:10:05.000000','claire@smileo.example','0f3a','compta-01','{}');
INSERT INTO "events" VALUES(8,'k7f3q9wz2m','boulangerie-martin','removal','2026-11-20 03:11:05.000000','claire@smileo.example','0f3a','compta-01','{"changed": true}');
INSERT INTO "events" VALUES(9,'k7f3q9wz2m','boulangerie-martin','retirement','2026-11-20 03:12:05.000000','claire@smileo.example','0f3a','vieux-pc','{"licence": "server", "on": "2026-11-20", "keep_until": "2027-03-31", "access_key_id": "AKIA1"}');
INSERT INTO "events" VALUES(10,'k7f3q9wz2m','boulangerie-martin','quota_change','2026-11-20 03:13:05.000000','claire@smileo.example','0f3a',NULL,'{"quota_bytes": 107374182400, "amendments": ["AV-1"]}');
INSERT INTO "events" VALUES(11,'k7f3q9wz2m','boulangerie-martin','licence_change','2026-11-20 03:14:05.000000','claire@smileo.example','0f3a',NULL,'{"licences": {"server": 1, "workstation": 2}, "amendments": []}');
INSERT INTO "events" VALUES(12,'k7f3q9wz2m','boulangerie-martin','option_change','2026-11-20 03:15:05.000000','claire@smileo.example','0f3a',NULL,'{"options": ["escrow"], "amendments": []}');
INSERT INTO "events" VALUES(13,'k7f3q9wz2m','boulangerie-martin','suspension_change','2026-11-20 03:16:05.000000','claire@smileo.example','0f3a',NULL,'{"suspended": true, "amendments": []}');
INSERT INTO "events" VALUES(14,'k7f3q9wz2m','boulangerie-martin','hold_change','2026-11-20 03:17:05.000000','claire@smileo.example','0f3a',NULL,'{"hold": {"reference": "TJ 1/27", "since": "2027-01-05", "kind": "preserve"}, "amendments": ["AV-1"]}');
INSERT INTO "events" VALUES(15,'k7f3q9wz2m','boulangerie-martin','hold_change','2026-11-20 03:18:05.000000','claire@smileo.example','0f3a',NULL,'{"hold": null, "amendments": []}');
INSERT INTO "events" VALUES(16,'k7f3q9wz2m','boulangerie-martin','commissioned','2026-11-20 03:19:05.000000','claire@smileo.example','0f3a',NULL,'{"machines": ["compta-01", "caisse-01"]}');
INSERT INTO "events" VALUES(17,'k7f3q9wz2m','boulangerie-martin','password_used','2026-11-20 03:20:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "drill of snapshot 86288919, seed 7"}');
INSERT INTO "events" VALUES(18,'k7f3q9wz2m','boulangerie-martin','drill','2026-11-20 03:21:05.000000','claire@smileo.example','0f3a','compta-01','{"seed": 7, "snapshot": "abababababababababababababababababababababababababababababababab", "files": ["/home/\u00e9t\u00e9.txt"], "problems": ["a file differs"], "losses": [{"kind": "packs_gone", "count": 2, "bytes": 9}], "gaps": [{"kind": "path_not_saved", "path": "/srv", "state": "empty", "bytes": null}]}');
INSERT INTO "events" VALUES(19,'k7f3q9wz2m','boulangerie-martin','drill','2026-11-20 03:22:05.000000','claire@smileo.example','0f3a','compta-01','{"seed": 8, "snapshot": "abababababababababababababababababababababababababababababababab", "files": [], "problems": []}');
INSERT INTO "events" VALUES(20,'k7f3q9wz2m','boulangerie-martin','verification','2026-11-20 03:23:05.000000','claire@smileo.example','0f3a','compta-01','{"round_started_at": "2026-11-20T03:04:05+00:00", "last_pack": "abababababababababababababababababababababababababababababababab", "packs": 12, "read_bytes": 4096, "position": 0.1234, "is_complete": false, "damaged": [{"pack": "abababababababababababababababababababababababababababababababab", "fault": "altered"}], "damaged_count": 1, "problem": ""}');
INSERT INTO "events" VALUES(21,'k7f3q9wz2m','boulangerie-martin','verification_round','2026-11-20 03:24:05.000000','claire@smileo.example','0f3a','compta-01','{"round_started_at": "2026-11-20T03:04:05+00:00", "packs": 12, "read_bytes": 4096, "damaged_count": 1}');
INSERT INTO "events" VALUES(22,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-20 03:25:05.000000','claire@smileo.example','0f3a','compta-01','{"closed": true, "used_bytes": 5, "quota_bytes": 4, "stored_bytes": 9, "filling": "objects"}');
INSERT INTO "events" VALUES(23,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-20 03:26:05.000000','claire@smileo.example','0f3a','compta-01','{"closed": false, "used_bytes": 3, "quota_bytes": 4, "stored_bytes": 9}');
INSERT INTO "events" VALUES(24,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-20 03:27:05.000000','claire@smileo.example','0f3a','compta-01','{"closed": false, "used_bytes": 3, "quota_bytes": 4}');
INSERT INTO "events" VALUES(25,'k7f3q9wz2m','boulangerie-martin','gate_word','2026-11-20 03:28:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "a migration", "surplus_bytes": 17, "objects": 3}');
INSERT INTO "events" VALUES(26,'k7f3q9wz2m','boulangerie-martin','out_of_hours_apply','2026-11-20 03:29:05.000000','claire@smileo.example','0f3a',NULL,'{"reason": "it is Sunday"}');
INSERT INTO "events" VALUES(27,'k7f3q9wz2m','boulangerie-martin','key_rotated','2026-11-20 03:30:05.000000','claire@smileo.example','0f3a','compta-01','{"which": "the key of compta-01", "stage": "moved", "access_key_id": "AKIA2", "replaced_key_id": "AKIA1"}');
INSERT INTO "events" VALUES(28,'k7f3q9wz2m','boulangerie-martin','key_rotated','2026-11-20 03:31:05.000000','claire@smileo.example','0f3a',NULL,'{"which": "the signing key", "stage": "begun", "access_key_id": null}');
INSERT INTO "events" VALUES(29,'k7f3q9wz2m','boulangerie-martin','undelete','2026-11-20 03:32:05.000000','claire@smileo.example','0f3a','compta-01','{"to": "2026-11-20T03:04:05Z", "brought_back": 2, "copied_bytes": 9, "hidden": ["restic/snapshots/a"], "hidden_count": 1, "lost_count": 0, "foreign_count": 1}');
INSERT INTO "events" VALUES(30,'k7f3q9wz2m','boulangerie-martin','undelete','2026-11-20 03:33:05.000000','claire@smileo.example','0f3a','compta-01','{"to": "2026-11-20T03:04:05Z", "brought_back": 2, "copied_bytes": 9, "hidden": [], "hidden_count": 0, "lost_count": 0}');
INSERT INTO "events" VALUES(31,'k7f3q9wz2m','boulangerie-martin','snapshot_set_aside','2026-11-20 03:34:05.000000','claire@smileo.example','0f3a','compta-01','{"snapshot": "abababababababababababababababababababababababababababababababab", "reason": "asked by letter"}');
INSERT INTO "events" VALUES(32,'k7f3q9wz2m','boulangerie-martin','snapshot_brought_back','2026-11-20 03:35:05.000000','claire@smileo.example','0f3a','compta-01','{"snapshot": "abababababababababababababababababababababababababababababababab", "reason": "asked back"}');
INSERT INTO "events" VALUES(33,'k7f3q9wz2m','boulangerie-martin','snapshots_released','2026-11-20 03:36:05.000000','claire@smileo.example','0f3a','compta-01','{"why": "hidden", "snapshots": ["abababababababababababababababababababababababababababababababab"]}');
INSERT INTO "events" VALUES(34,'k7f3q9wz2m','boulangerie-martin','snapshots_released','2026-11-20 03:37:05.000000','claire@smileo.example','0f3a','compta-01','{"why": "acknowledged", "snapshots": [], "reason": "a disk was lost", "losses": [{"kind": "reports_gone", "number": null, "known": 7}]}');
INSERT INTO "events" VALUES(35,'k7f3q9wz2m','boulangerie-martin','new_repository','2026-11-20 03:38:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "all is lost", "snapshots": 2, "newest": "abababababababababababababababababababababababababababababababab"}');
INSERT INTO "events" VALUES(36,'k7f3q9wz2m','boulangerie-martin','new_repository','2026-11-20 03:39:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "all is lost", "snapshots": 0, "newest": null}');
INSERT INTO "events" VALUES(37,'k7f3q9wz2m','boulangerie-martin','machine_replaced','2026-11-20 03:40:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "a new PC", "before": {"host_name": "compta", "mark": "0a1b", "accepted_at": "2026-11-20T03:04:05+00:00"}}');
INSERT INTO "events" VALUES(38,'k7f3q9wz2m','boulangerie-martin','machine_replaced','2026-11-20 03:41:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "a new PC", "before": null}');
INSERT INTO "events" VALUES(39,'k7f3q9wz2m','boulangerie-martin','paths_accepted','2026-11-20 03:42:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "it is empty", "number": 5, "paths": [{"path": "/srv", "files": 0, "bytes": 0}]}');
INSERT INTO "events" VALUES(40,'k7f3q9wz2m','boulangerie-martin','departure','2026-11-20 03:43:05.000000','claire@smileo.example','0f3a',NULL,'{"on": "2027-03-02", "identity": "declared", "stage": "notified"}');
INSERT INTO "events" VALUES(41,'k7f3q9wz2m','boulangerie-martin','departure','2026-11-20 03:44:05.000000','claire@smileo.example','0f3a','vieux-pc','{"on": "2027-03-02", "retired_machine": "vieux-pc", "identity": "proved", "by": "0f0f", "stage": "erased"}');
INSERT INTO "events" VALUES(42,'k7f3q9wz2m','boulangerie-martin','departure_step','2026-11-20 03:45:05.000000','claire@smileo.example','0f3a','compta-01','{"on": "2027-03-02", "identity": "declared", "step": "frozen", "machines": ["compta-01"]}');
INSERT INTO "events" VALUES(43,'k7f3q9wz2m','boulangerie-martin','letter','2026-11-20 03:46:05.000000','claire@smileo.example','0f3a',NULL,'{"letter": "reminder", "file": "rappel.pdf", "sha256": "abababababababababababababababababababababababababababababababab", "state": "written", "on": "2027-03-02"}');
INSERT INTO "events" VALUES(44,'k7f3q9wz2m','boulangerie-martin','letter','2026-11-20 03:47:05.000000','claire@smileo.example','0f3a',NULL,'{"letter": "erased", "file": "fin.pdf", "sha256": "abababababababababababababababababababababababababababababababab", "state": "sent", "on": "2027-03-02", "to": "a@b.example", "message_id": "<1@b>"}');
INSERT INTO "events" VALUES(45,'k7f3q9wz2m','boulangerie-martin','disclosure','2026-11-20 03:48:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "state": "begun", "format": "files"}');
INSERT INTO "events" VALUES(46,'k7f3q9wz2m','boulangerie-martin','disclosure','2026-11-20 03:49:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "state": "complete", "sealed_in": "/mnt/x", "statement_sha256": "abababababababababababababababababababababababababababababababab", "machines": [{"machine": "compta-01", "files": 2}]}');
INSERT INTO "events" VALUES(47,'k7f3q9wz2m','boulangerie-martin','hold_placed','2026-11-20 03:50:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "since": "2027-01-05", "hold_kind": "block_access"}');
INSERT INTO "events" VALUES(48,'k7f3q9wz2m','boulangerie-martin','hold_lifted','2026-11-20 03:51:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "reason": "a letter"}');
INSERT INTO "events" VALUES(49,'k7f3q9wz2m','boulangerie-martin','records_trimmed','2026-11-20 03:52:05.000000','claire@smileo.example','0f3a',NULL,'{"on": "2027-05-01", "trimmed": [{"kind": "drill", "count": 2}], "links": true}');
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',49);
COMMIT;
