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
INSERT INTO "chain" VALUES(1,1,'event',1,'k7f3q9wz2m','install','29dee98bd27574cb3b02a9265ed246c1','d719870dad123450393543e06f6682d251905a7940ff695001271cb072f0be9a','b830689c35b3ab3161e40bd87ecb4f5a7702ca9f9d9918f1995bc0db47298ca7');
INSERT INTO "chain" VALUES(2,1,'event',2,'k7f3q9wz2m','update','b4e3b0087c7943284c1d809a81a7a46c','bcc545b5478d896a0c7cfb9f56e78275465e34d876203bae541f339840b1ac1b','e09c979f6919a99fef9baaa1dda611adc78f28ca0118a1c8babed625786440a7');
INSERT INTO "chain" VALUES(3,1,'event',3,'k7f3q9wz2m','update','0058c7eb18661eefd9ebc8ba1736d086','ea3a975d09e98e407ec7755da6564c5b08debcbac4d6025aa3167713ccf689e6','51e9d4677cada8f388535e09eeb95b8b0dd85ba1400c92035edb510ff35bbad6');
INSERT INTO "chain" VALUES(4,1,'event',4,'k7f3q9wz2m','orders','79d238b640cf46fd0a34d9c452c68442','594901d1406e2e451a4ff17e08fced8726b3db6956dd5e1d385dfc9158bb1236','130ec961978c2cba09d2c7fbdf930e5c175fd9d2dee2686cf3172d5214bc64fd');
INSERT INTO "chain" VALUES(5,1,'event',5,'k7f3q9wz2m','orders','af50bb61de1e4b8fbe2f6f1ab4154e59','9ead303bd4ed279872c6c67e7cc1006ed3c076e5c95e395de61f3b3f300fdc4f','f7cb2a58e7f0ed6a72f8299478f2fac95925c58bda7dec5b310cfc14178e15c3');
INSERT INTO "chain" VALUES(6,1,'event',6,'k7f3q9wz2m','orders_written','e3a5ae1c0bab3a350418d915422f191b','e42e5a544391c248eac73cdcbc7c2989da65c57ca6d2ee6bc26b06a429d178e8','0bed4b690e94e80cb36e57aa8bcbcc5d5f110311fcd55071a23e0a87b045e114');
INSERT INTO "chain" VALUES(7,1,'event',7,'k7f3q9wz2m','removal','a99c732d2e42207ef3db4dbb9178c47a','77c8300ed4e8aae345ed29d7da0c6d10d22858be1f57ef971febca284c91f811','b2afcc23b763fe1dbaa4c48cfb03ff6e6e1ea418aa98093e958bb5c53b9d777d');
INSERT INTO "chain" VALUES(8,1,'event',8,'k7f3q9wz2m','retirement','e272ece990c5e5534e7df297adc32895','c2a9b4311cc07b0212d247068acbbd42798d90625489502a8a3e6ebc3829febf','d4337d4b4168c4f8bd8de943f564c0bb77f597517cd9a5e6b0e15638489b7539');
INSERT INTO "chain" VALUES(9,1,'event',9,'k7f3q9wz2m','quota_change','4d3b1b6d9cea37576310f59923ae79fe','57b16e112d836587692b1da33b5ce35b7eff4c815cb9df61192a6de56a7b5c6c','99a63bcecac56f80bd1fadfb6ad5b3e24cd5497c113acbdb3a1aed921f7b8f03');
INSERT INTO "chain" VALUES(10,1,'event',10,'k7f3q9wz2m','licence_change','238a6f77c32223f188c48e5749c4738e','6e91f73ff91536715bb9cfa64d330532933b765e72cf466c4c0cff8ab4369c59','5140fe68d40ae059316e27bb92ed65120729f01ce600ad59ae802216f4bfee68');
INSERT INTO "chain" VALUES(11,1,'event',11,'k7f3q9wz2m','option_change','d732d67edcf054de29c2164a46b1e6e9','6fb8f12db5bb4add76633d2b6cdb2e0d9e9b77f7a600d09ef29f3a1291350139','2bbe99acf53820b6998bdf8a12b0f2290502bfad64f726a42e18d1c7303662c8');
INSERT INTO "chain" VALUES(12,1,'event',12,'k7f3q9wz2m','suspension_change','1ec91f7b89ac88deaebf6ac669e64712','5a9586aa573a3520c17ca9d2782aec2d72815b6d3701ff87546912a5b70a6def','cb3b822fea03ab0719e0f70f1d028ad5678923f0a1786ed21a13b235c8b03801');
INSERT INTO "chain" VALUES(13,1,'event',13,'k7f3q9wz2m','hold_change','7db1280314c1f2654e601ddb6799430a','1152a6e5a3e846f5a0ba39ed699987127ec4aade9558ab0ce13d2af98b32f64b','71ee2b5d53944ac621e50592308be5de9c6e4d16531a9323c58a47d71d395ab4');
INSERT INTO "chain" VALUES(14,1,'event',14,'k7f3q9wz2m','hold_change','1a6a14b4ffa9e80e75a7d289522ea2ba','44592fc2478dbc1af32cfd0cdb2a5eeecc9d3cae69212fe398f0a94f334f0553','90dc51c663f81128ad3bd17dbfed8b50b62272aefb7011f70227ea40e2cbc4ea');
INSERT INTO "chain" VALUES(15,1,'event',15,'k7f3q9wz2m','commissioned','591b45c70bfbaccd57dc86a90bf1dc4b','59f82981af9d31bc5c3f7dd37e0a6aa7b9c4c05257b03ab9d0da666e73e3714f','dc7644b99d1ed8b7a50d07bb2dac88d96c0e75263198afe02bf5fcbfd8f64137');
INSERT INTO "chain" VALUES(16,1,'event',16,'k7f3q9wz2m','password_used','c355c2503ff9c4a23684af4a6a7ee804','cec458bcd3ea6b8f4332d19f3197f90fe2a4b40b3ac643f6127d1469c01c697d','aecade9c27a07e21793457ca0c2067c169a06f18d9e8d5c0dca0f190ac33b1c1');
INSERT INTO "chain" VALUES(17,1,'event',17,'k7f3q9wz2m','drill','67f5b1d521daa88eb578a5672b84bff0','e7c090ce60e2da001c6793249c619f65b0d1d0c4ea6c6fc16704d08f87826be3','50d56c714c495a211b3b2d7555f23b0018029ed2d226a522a41acfdba7168ff3');
INSERT INTO "chain" VALUES(18,1,'event',18,'k7f3q9wz2m','drill','99cfe0d7e3c0af03acd95f2cd87da92b','68b63b1d82af9cf7d8aa513431bd42c7147646094b5891dafddbb1c0eeb9c1a9','847186eb30baf103793d473f48fb5539ca5b083d9477dd4a1c368848c2f4d118');
INSERT INTO "chain" VALUES(19,1,'event',19,'k7f3q9wz2m','verification','a41f709e93e53e0e522fec9afb3f4533','64175f9d19b08d6fdb638e1ad042776e1ff86308ecc09639d0e8d0fbd554ebf1','26d571adea169c756a83a371ce3c3595b9e2d96ad424355c6e3c526ce53a3595');
INSERT INTO "chain" VALUES(20,1,'event',20,'k7f3q9wz2m','verification_round','00deb07b65ab8d264c7af99420bc4b7c','7fc3ea1dfb832310dafdf31e6313cd2417ed7c31ca96c5767c71a4e97b85d63f','9597bfe257d8e14371b3667859eaf97cd8ad48bf0d6fa5f69316bc0083607738');
INSERT INTO "chain" VALUES(21,1,'event',21,'k7f3q9wz2m','gate_change','e62240182b7d6a91e91712333adf2817','a62faaa41f292b2f0b2016bd5c76f1700cb42f0c396bdc962d6bf97edefb0fee','92fe0a0f8230d75bdc05b7c7f3dd09740270471f05898319674c6fe552630f53');
INSERT INTO "chain" VALUES(22,1,'event',22,'k7f3q9wz2m','gate_change','773997a72663b9994d2e0877ab51f6cf','d31d5e1c89f8458565ce03662c6e626656719872b5a8365b4fe3b7f65ee40b76','b22f6f5154d1a7c9afc5f99d2f8a55e6d90452b2c3e5d48e12b2ca52a7841760');
INSERT INTO "chain" VALUES(23,1,'event',23,'k7f3q9wz2m','gate_change','994c5361e9c3a8d90b1c8e00ea9cbfef','1d217d7ae9d13156a0539c6f91831ab6c29bbaf012af25b049bfc730bef51b6f','fe11021a5606bef678147f4dcb6f534a23adee62288ac75c599ec1815f8fefb9');
INSERT INTO "chain" VALUES(24,1,'event',24,'k7f3q9wz2m','gate_word','b02d6bceac7755385a1c5dd8ac83562a','8551f6b80fc33c1f367c2b7ff6a9c403cb79095036ad61c220db7597e7fa6184','c73137f12853265d3c02207bcce913330ad889f65cf09a4e83db3b631b095ad7');
INSERT INTO "chain" VALUES(25,1,'event',25,'k7f3q9wz2m','out_of_hours_apply','a24161d405c78663f7fd3143b3157df9','48e73c41b5b7069bf3e3d3de5f2b2177e22d443ecd5a6c522bd3bc8879ebb83d','11d349577eb2f67c2e4680bf168e2b3ac0459499cbc104ff6240383b288640d6');
INSERT INTO "chain" VALUES(26,1,'event',26,'k7f3q9wz2m','key_rotated','07941264eb3a2978a7aa79c16df5c37b','0d4067299ed699bba89eb408fffac5b1e1b89e8ff00cc6d7d8b5ca9e699aea5e','6c72b1962066e00138948fd551c20ae699ba9793b3c7b7880ed1cee19702f675');
INSERT INTO "chain" VALUES(27,1,'event',27,'k7f3q9wz2m','key_rotated','893407d61a3b18931f0cacf05f1fbaad','b11907ec2503684fb62865b6b3f092830296dd32358e4740aa5f1297c79351dd','760a75e34d507ad25082cc9559dc3688d5d4bac735bc5c095d005a55bbd2a209');
INSERT INTO "chain" VALUES(28,1,'event',28,'k7f3q9wz2m','undelete','c6a7257e9f230752fbab93b679f8a259','222084080b17059c36ecc3d9d9107cbabcf01eb6f2dae77b77d8d40119625d6e','1f51032dea6b21ed4261997dfe5b3c87ade182a5eb690e7e93583866c7a294ff');
INSERT INTO "chain" VALUES(29,1,'event',29,'k7f3q9wz2m','undelete','d7fe8d3097da15afd3b52a7465d64c7f','8f67ecb657811040efbf6d8b6fe8f3039e9a2eccbc7392ad889bbce2374b162a','8401442b5f1bd59ede4a7ec28d933ffc9e28de683cf8adc70a3442df8e99c42d');
INSERT INTO "chain" VALUES(30,1,'event',30,'k7f3q9wz2m','snapshot_set_aside','c44c100e64cf11b2defae262477ccab5','535a497d35ca9d9ad0ac23ce5a785983af497a585a6e07fe4da67e89f1439ba3','a004dc55101f1a2754a7b7a0bb8ec5b1146be45531244c4d3781bd78c43b84a7');
INSERT INTO "chain" VALUES(31,1,'event',31,'k7f3q9wz2m','snapshot_brought_back','2dedd7429814d2221b9b7bd1a5bbac54','8532a6dc0e0f45a7c210d394cd605b8773f1c7afc9085badec99cf0b6c8dcdeb','01b8265803b7a79f75faf30cc43e59e11da9fd658a661eb1f0d0c382ca852206');
INSERT INTO "chain" VALUES(32,1,'event',32,'k7f3q9wz2m','snapshots_released','5ac74a2302cd5dd13c690d4791d5323f','4ab95fdc615e1f87272908c51206349a2b110aec9fb80ee823ab85b275c2e4d4','4611b33d50467f0d843f5b488a2b23a55655aaf44c6630225a0eb27865e28393');
INSERT INTO "chain" VALUES(33,1,'event',33,'k7f3q9wz2m','snapshots_released','699da13ae516fb4968e15186ccfcc4e9','b01ababf4f638276be32823833a78bf42ccefd83b20ec9d086a43e525fff6d0b','4eb1346ed22c93d8667fe75e3c085ebc9898d32d43102e9d3e12ea5ea33f6ccd');
INSERT INTO "chain" VALUES(34,1,'event',34,'k7f3q9wz2m','new_repository','fedc5c783098c8238da4824af4bb2904','d0e4a966c9b8cd6c088564518fd2bb321552db0ee497f0b6eb69299fbbb21cd7','bc1f05f0905cd1612ec5f11f8fbf9d1aded8bae801f802b28c26e96e592adc8a');
INSERT INTO "chain" VALUES(35,1,'event',35,'k7f3q9wz2m','new_repository','131e53743b61a5322c7301a996dc2298','8d8dbb418d6e65f1918fb1afbe24deea77ab6f8c5e6476e474a052b152c74653','c8294c303c4f466ffb627321b598bbfabdd624322dc634ca02fea75500671c6d');
INSERT INTO "chain" VALUES(36,1,'event',36,'k7f3q9wz2m','machine_replaced','865cd26e0dad0e1ebaf671704530f065','cc2e98037c764ecf576b3d04e979610cd33622f97e391a8b2f36fc46f799f3b4','42b3f367b797600805a7aeb0fb45b348ce6e29d72c06e5b5eee12c94abd13d94');
INSERT INTO "chain" VALUES(37,1,'event',37,'k7f3q9wz2m','machine_replaced','1e40bd79dd69ee82c5c583c26c08d1e7','af8609682a690520da0f8e76c8cdcf942732f9bf73d375bf81afa08232e0a6af','c8e56fa37c38cd15df9fe4ca7ce8c1a750f393cc16a9cf6d508bb52e6fd74858');
INSERT INTO "chain" VALUES(38,1,'event',38,'k7f3q9wz2m','paths_accepted','5a90bfda1298b442c5f84dc273f4fc7b','8c8a4beab069656c19bbb6af1086abf8dfe7a7fc94be6dbb921975a86c8ac5b7','f90f9ea9b87f43c4689138695db4cd0900fd39b7b008abadb8c592a62d3215c4');
INSERT INTO "chain" VALUES(39,1,'event',39,'k7f3q9wz2m','departure','9f22f155e5efe87a5e0c66470ee3b535','12c877438d7506625c7ab58cccfe46bcf18a31fd0b0540cf1b77f807472fe3b7','11fd1c6cd10d3df128baca3c4f0cd2a7c866a206d510aa4e5915aff62c1c8a70');
INSERT INTO "chain" VALUES(40,1,'event',40,'k7f3q9wz2m','departure','5a87465967e2922fa481f9f1bca37e8a','13e7f1bb6c8d931c103b0e3590c2ae2d55cd328945dd572a967e04f25e38d701','06bd713476c21e44d7861ae217e4ed784f1dd12b9928a1d9942b133b8e8af538');
INSERT INTO "chain" VALUES(41,1,'event',41,'k7f3q9wz2m','departure_step','82401f0f7b578691d160ac84b2426e8b','fd30ef6524b2b514f0a2710068e44f8ce93b9c9b32ef7a7098ebbe5a00a54bdc','d1e4b8df11d62bc09652245156d1d57b425cf58d4065d9a1e52be006dcb419cf');
INSERT INTO "chain" VALUES(42,1,'event',42,'k7f3q9wz2m','letter','468b49e2cf05e0ad927a102ef22b997b','6248a175b1067d2105798de683ec28a54401a78215505054df1da43d2448c118','def3998fc9f43741c5fa03474f07f06e40bb93d884f26c0a0258d06481d6b1b6');
INSERT INTO "chain" VALUES(43,1,'event',43,'k7f3q9wz2m','letter','4e64fa2e2787f184ad0d61839871b061','3613cddd63d0247f02a10994a1f63d63d717ff6d047e5f4689367dccea8f4b7c','d5ec0f608cf6ee2ce6797295c92de8f5b9194c6e4da77bee0817002e6dfc9dc8');
INSERT INTO "chain" VALUES(44,1,'event',44,'k7f3q9wz2m','disclosure','4833ecb4f57bb5fb62c04d7a1986e9a8','78808ca65b2caf6fbba13075e5d10b44a61654bfd9ed6e8ccecf2c0085f75624','1107af77a760d8d6093270ead6f613da256de016dec3dee3ab4a1165dad86be4');
INSERT INTO "chain" VALUES(45,1,'event',45,'k7f3q9wz2m','disclosure','d9da339af77d5064f14a750525148992','8e01b4f8c0827ede03ff14337f7405f265dfec094e2bf347c1a77a745151a876','200813a20af2bb0873e13eeb8b136511146f31133ad92e84845b02f50e447852');
INSERT INTO "chain" VALUES(46,1,'event',46,'k7f3q9wz2m','hold_placed','52038305d1d502db1a071b538d21778c','b179f4f6ee48c69d5676275840047899b3d66cde946052ef3a4c2219fc78997d','11d4b90a5d400f277c71d1412fca5611ffa2fee173342bb9330b29bdbd0b854d');
INSERT INTO "chain" VALUES(47,1,'event',47,'k7f3q9wz2m','hold_lifted','e59ca0175861986b9f8ea98a625d5ffb','48b4b40600b4d10c242ea7ebffaa15dd27a887d0ddadb35052d985dfc9bed06c','ba1c60f0e1ba1deb37bc32b682c4ba53833704d82604f897c37d7da79b856901');
INSERT INTO "chain" VALUES(48,1,'event',48,'k7f3q9wz2m','records_trimmed','d4727446ec3a55eeff0c22f730252a0c','63ebf606403348351569c94652ebc10d40fef7d2be96c968b6be5b537d715f01','7e0730454ea901895ea37d8f4d60ffe36f2ebc4c9265fc26d184e9df4512450d');
INSERT INTO "chain" VALUES(49,1,'event',49,'k7f3q9wz2m','copy','3fa634305529943c578c1cdb2aa5b6ad','a3b55e8e7772d81aae75a38c30bc01480403721e64d45d988839f63baad0528b','2906f37ba6ed01f3527a9440a3ba0a10dc985cb1bf2118f9b153f39609ab22b0');
INSERT INTO "chain" VALUES(50,1,'event',50,'k7f3q9wz2m','second_copy_change','4e40755bb8aad95e4961c4a295592dc6','6e22426595f7f2e7416e9c406e23712af8578a5272e8b7d792bab94b3dbac11f','c6b088722b2168ba7260e4cc95ea44ac7933638fc98f4e67686b546970a1a9a8');
INSERT INTO "chain" VALUES(51,1,'event',51,'k7f3q9wz2m','records_begun','ab13f0fe3a4b1d4b205404c3c172cacf','7c06ca83e351e20846c0463f3541c3cfe9ed9477ee5d646f7ada892bb7e34e5d','f655291b04b544f4ec431bb1a421bbf09f22d57e78baf0296af789e9f6f6f954');
INSERT INTO "chain" VALUES(52,1,'event',52,'k7f3q9wz2m','reviewed_apply','8ace137b6fe1323bbc0f790d4a29df71','c3f4a04870c9b7def7ad6be9a19655c65b4621a5b1318c50b6c0c60ee7714878','d1dace37c04dc7379b55b0243b81f975c22b49ec74a4f2fe84ae223b0c22460c');
INSERT INTO "chain" VALUES(53,1,'event',53,'k7f3q9wz2m','inputs_applied','43eeb77e44acb151d52d87d72278d227','48fabb559b3aa375d1b8f34c45e707a35cd90fe12c6107c480e724c7db69a2ef','a7317e4752d1da25f40d085f56374ee4ada96bb2249fe8494b874591ad891f62');
INSERT INTO "chain" VALUES(54,1,'event',54,'k7f3q9wz2m','enrolment_invited','bb3b160eda1bc09fbd128a7e66c3171e','8991dd5ce87b51a46a464c5340509370b07b9071ccec4a8ba7dc03b147139e57','729c26341b3cd69283f01133c00d1669f70be2f6e121caf33e3c8ecf7e4221a0');
INSERT INTO "chain" VALUES(55,1,'event',55,'k7f3q9wz2m','enrolment_revoked','85066e7630ef18be4960f3d8347a3f10','9f4dd3363a3b9b9918e3170322f19958cd07081e4d238f6af7161fc21617fe63','e86e208ba1ea1c5f61720d9e50744db5e8c822a4d7ed9256bb88d53e8971d09b');
INSERT INTO "chain" VALUES(56,1,'event',56,'k7f3q9wz2m','enrolment_misused','0359e22519aaf7503da39f65f9168886','17c589625c0a526a3cac37255f5aea57c790e3700472f8f83bffbcd0a0d170ca','2f75ae1bbf4da0e6c8c49e15eaffbb1a9420b01ffcc076286a392fe22ef41342');
INSERT INTO "chain" VALUES(57,1,'event',57,'k7f3q9wz2m','configuration_delivered','cdea1df1fcb4deaf17344d91307b80d1','3d4a87ed01b37ffae84722d8966464d5dd680ef5699a9a8ab30d04e68f7e4605','161affa71631172778b17fac9f417780fd6328b3611edf9e0d3b4c6522343ba5');
INSERT INTO "chain" VALUES(58,1,'event',58,'k7f3q9wz2m','configuration_delivered','74d0b0bd8635aa04b586643f2953bc1c','a2cd2302f7e6be08bf74e3ac150de3d64cc0b668e65931c654742f4e5f908618','5533eb173b1cf482f9967e7c970ea7c6c2ad1918d174a3196e242d7f5ccd35d0');
INSERT INTO "chain" VALUES(59,1,'event',59,'k7f3q9wz2m','inputs_applied','e19483891972783ecb4f8f6ef4696993','873292a3483ad103196df8fd34c1f9e493e968643776e9f01e0fcb1de58be251','a057416d067473d3676faa8159a6995dfcee00f25abfc49f1cc4c301b7b06632');
INSERT INTO "chain" VALUES(60,1,'event',60,'k7f3q9wz2m','finding_opened','082ea6b9939c14f03d1f2c97559e2040','fe74b88061d2ea25e888e512e03f828c80ade1ef7610ce67bbcd7c1fad29aaca','fcffd58839c96958abdc9491e618d63b793720b69ec1fd0bc228d4850c6e0667');
INSERT INTO "chain" VALUES(61,1,'event',61,'k7f3q9wz2m','finding_opened','e21fb360091c061684a5e612835c6266','ea66747e9356bf87931a6027564536dc75fdf9e60a6e81b5843a323f01c1d85f','3990d0e8b0a06ba23dc3a031be1794b3867c4353893a51db75f18dca39ad4996');
INSERT INTO "chain" VALUES(62,1,'event',62,'k7f3q9wz2m','finding_closed','dd67b28938868b0af58d9039072c1949','dc1627a3853ccd9ad31b4ccfe09dfecc9c7687e717a4049602267764b68e2191','35122e55b57f95b3e986ac8cfa2f76fe48c51b679c5d65bef3b41dc4426f7c9d');
INSERT INTO "chain" VALUES(63,1,'event',63,'k7f3q9wz2m','finding_word','7d6f17d9e31257a71f95bb90bf5b02c0','a56b591110904c1f1c71a0d33ea9be8d66388ea2dace4c3656f92c8653bc12cb','07107fea13d806ec7d988c409473269c373be4d0386b89d081a7e56f5bea293f');
INSERT INTO "chain" VALUES(64,1,'event',64,'k7f3q9wz2m','finding_word','dc7500126ebf94b528f550d20961de57','b49d82f22e38da85976adfc7d8fb42e7745f761e6b2ef35e0b8146bbe31e8f2e','3f9d3156e0459a604a0800e40762347131eeb2ed2d89637e8f20c957ec27d042');
INSERT INTO "chain" VALUES(65,1,'event',65,'k7f3q9wz2m','finding_word','6f7c2843ffe9e64c73085516d64656db','182c05471b87027245d0d6df48159fa916a4bdffaf035a49b30ad3c58eaae5e2','04e941db62b15ed729cef240ea1dd02460ff3543c1b33c42d56ad9014237fe98');
INSERT INTO "chain" VALUES(66,1,'event',66,'k7f3q9wz2m','pause_declared','bec95db91bfa4c7365d4f9f364c512f5','1a017e9d5089c703ef7258479c9df466ec7b267a31ff9d57e011d1403998de2e','66b1afa750146777b53081efabb9678b25b9a848269636404a3b88fbc80ea515');
INSERT INTO "chain" VALUES(67,1,'event',67,'k7f3q9wz2m','pause_ended','06592886e649251cbe3b775ca184357f','dcf14e5ad2d3f93e70c5938daf198ad6ea411f96e0d35e113ee438a7eed96159','f46113dadd3e4293390d9cc777500a68837724e07dfe44cff6fcfd1220c2e696');
INSERT INTO "chain" VALUES(68,1,'event',68,'k7f3q9wz2m','retention_frozen','3eac4ea14baff692bd2bfb9d77424471','5f0ae01bab1e4f2faab99eeebc8a028ab2790332f913b1db4a062d186951398c','044de819fa6a85bb129894076956a164c89c0092304c9e25bc12ccee5cb6f1e9');
INSERT INTO "chain" VALUES(69,1,'event',69,'k7f3q9wz2m','retention_frozen','08a20e06f57f6a260806dea0320b8261','ad9278b1f3322243b2e801bb41c75a47b182073816a44a2b85f0f9c3ddc50d01','f5a891c5b2e96ed826b5267cb5a07f72607c77d1a4f90af22efb265d9d4e1e64');
INSERT INTO "chain" VALUES(70,1,'event',70,'k7f3q9wz2m','retention_released','5e5b3ac712c6280fb96c5098c01ba9a1','a84b6d674391870e325b31236aeccf6368328f31f5fb9c503b2c2061c7d29e01','e3c7743194bfb2a5280382d28242bfe6a186aed624edf2312358e125b9bf06ce');
INSERT INTO "chain" VALUES(71,1,'event',71,'k7f3q9wz2m','message_sent','219dd51623dbce45540b2e82b7612c15','e944bd97298ec4ff591f855dad122eb2adeb0e3e41eb1e5e6fcce54531b074e1','563aada8aa71149319b7055ae8db48ee64176fe4ac474df598e5a739c04fa20e');
INSERT INTO "chain" VALUES(72,1,'event',72,'k7f3q9wz2m','message_sent','a336c470e1acf185b59e1f79793d9ea4','96ab4a383552c8cfd2ba012633901eca764332c12697f68a837e9523bbad4651','2375e79ffb89b8b3b008c65ca1233c5d02ab55c3784db282f61b9ae6e2a9c530');
INSERT INTO "chain" VALUES(73,1,'event',73,'k7f3q9wz2m','pruning_began','2296cd2aaec9ff27214e9388d3aa9d37','24caeff3fee2ac9a0de97e68dfce0b053d2b356549d060a301551a8af6b8274d','2f0e2c13af3094de260a241e8450efe8a057718496da86285d2054eb115cd589');
INSERT INTO "chain" VALUES(74,1,'event',74,'k7f3q9wz2m','pruning_ended','491f43b10fcf2a6bb91fc5f68166c34d','6c15cb365bbffaea9572f0873ab36394aefcd87dd6156747d8edf217b9e5e4c1','cfefd8818d8fc44e320d4378c88efefeb7e81c8acf07febdddb1fb65f260b472');
INSERT INTO "chain" VALUES(75,1,'event',75,'k7f3q9wz2m','retention_agreed','c0a53776b90e4343f6bc21786c71a4e5','028e5c59dad5b702c87602ea3072821575ab59566d36a8499d8f1cffc87b94e0','c0416f329e8a10599cc528b65f8a97290cc9dafad8436a75003c1e19cc3b234c');
INSERT INTO "chain" VALUES(76,1,'event',76,'k7f3q9wz2m','pruned','16f292043312d5134625884a6507448d','c047dbb165b78fa96ce679ea885a3224fd75b20abd6357e1171e657c8191a997','7a6f9e8b7162e09ad93b20d00794d3842d5eb037efa3bd63090dd89e0c11dba4');
INSERT INTO "chain" VALUES(77,1,'event',77,'k7f3q9wz2m','pruned','8cc09c59d07cbb9907f7ce87634656fc','d030fd1e85d48216bcc6437ca13ee55a5b8a7e79a91b57bb5d16df9f2d648928','0814102a7c8a0edff6b33b43e3b414164b0945c855f67fa7ab76b6364d7f228d');
INSERT INTO "chain" VALUES(78,1,'event',78,'k7f3q9wz2m','prune_refused','f0191c17b725a7d90b55a1ca544a8500','1b13ae361c7dc1f53f08d851f891ed24acdfed1907526e580bc13e5945cdacbe','cce7454263edcd95953132e71935eab2e59bc1caccf7ee4350a38dc35f9b4452');
INSERT INTO "chain" VALUES(79,1,'event',79,'k7f3q9wz2m','advice_given','4cc1844c909acc6452ee977b9ea1b5ad','8e3b5bcddf74b2f09d62483539a188fc0a7f430ba2acc4291611d5c82ab57019','85f272bdc736fa5b759cb76b8ac8afa1897cdc898af571be3eb393e576232349');
INSERT INTO "chain" VALUES(80,1,'event',80,'k7f3q9wz2m','advice_given','9b8e40876699bc721aa4fcf12918e7bd','c73e194a8672a53fa2432c1365ae8754b8d2958e8437c3dd74f09815027fc579','af5c1c6a57973671eb0f0ef5f9df6d94b50eb0b30c66c9abb70bdd5d534085b6');
INSERT INTO "chain" VALUES(81,1,'event',81,'k7f3q9wz2m','advice_ended','54cf95e899ec1653400ed6682f8794ad','58767e8a2fd66d5675010ad7744c9917a25a88db9474f2eef6bb055fa227b024','2b3c8511bcfa3d713fffdf386cc4b4bcedfe588f1283a99ec65d7909068730d3');
INSERT INTO "chain" VALUES(82,1,'event',82,'k7f3q9wz2m','platform_maintenance_declared','967422e0df3732fb94d665fe0c6b5954','b5d5c87eb60b3a61ad3a36e677e23365cf7f00ad7911d21733ecd1a8c61720cd','e0f810f2e7a0807f7048c9548fdde6d623b896d7259d7e27b48077dadf4a77b9');
INSERT INTO "chain" VALUES(83,1,'event',83,'k7f3q9wz2m','platform_maintenance_declared','6121196a6cc604c49c457410ef0f55b3','cc486eec66fddb96ff1fab2e555fb1803a33548c7e92bab31d9deea30b7f286f','6fc01007614149573006410ad5362f74d1777d1cfc2ee29b208aba20406fc08b');
INSERT INTO "chain" VALUES(84,1,'event',84,'k7f3q9wz2m','platform_maintenance_withdrawn','742825e1e2ad3506736474f754e7cc81','f840710f4bb2fe8a014ecac546365e9b346974b3bd56ca401db0cfe6df05b237','514b638f58756acaca204dad9b55eb8584cf9291a607c956a493afee558ca3eb');
INSERT INTO "chain" VALUES(85,1,'event',85,'k7f3q9wz2m','change_window_declared','b5c541bd591fe554f9824ff5dd8c06f5','d6d18b449c8f6be5c80859b63d4a1e67f7fb9c33639a2e86ba57df8486b20f41','887a0c64e49d15a98f09f868a033194bf1f98507cf8072ae467d7b9cf8dea2eb');
INSERT INTO "chain" VALUES(86,1,'event',86,'k7f3q9wz2m','time_excluded','bcc6d9b2cbbce7972f096193016b3777','23f128ef5585ac3e010c9fef49fe065f22fa51d04dca676906c1ccfe072bbf8e','0f5ac06d983044dd93ab276d0d8582d9040895b5923ffab718044d136c69968a');
INSERT INTO "chain" VALUES(87,1,'event',87,'k7f3q9wz2m','exclusion_revoked','b6ee13f1d3bf311ceaff440dbad6eeec','58bbccd97daeb8c2f7fe77383a11c2ca4ffe0307107b79da26208c9568dcae78','3bca689b4cb30c7f5fa954ae53b2f7664c44a230ba365103339b8e42a48eddff');
INSERT INTO "chain" VALUES(88,1,'event',88,'k7f3q9wz2m','drill','0f8df78e9b4e9586c8583a172f1e874f','9f8ca5eb319eac7f7348ef2fbc99211345a7cf841a882c2dcc1ad69381d248e7','0862d7b8d2d58bba47d138965d5f48baa8513a25affabb3df791e0ede87a13ce');
INSERT INTO "chain" VALUES(89,1,'event',89,'k7f3q9wz2m','restored','343efe720bc4d2ffca2beb94ea05f895','8d3d95812497f376ea6bd52246a45ecb9c13612a54524bcf9f57a5714619d846','d3109adf0ebe59113dfa5732e4b96cbbd748fffde2fa096f4f79ff58407ac2d1');
INSERT INTO "chain" VALUES(90,1,'event',90,'k7f3q9wz2m','restored','f872f41f7c121dff4f2f5f6e9dd68543','756b6ffb1627d0aa509960e078dfb3e32f6fd6e6c9786f40b777a5c20af94e90','2178666917f2f00e79c6dc3058e2775ccfb3b203bc7a415cfe72f8393cd7c696');
CREATE TABLE chain_tip (
	id INTEGER NOT NULL, 
	database_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "chain_tip" VALUES(1,'6d8001906ee46c08c43ca6b84e106c7c',90,'2178666917f2f00e79c6dc3058e2775ccfb3b203bc7a415cfe72f8393cd7c696');
CREATE TABLE coffre_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT coffre_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "coffre_version" VALUES('0010');
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
INSERT INTO "events" VALUES(7,'k7f3q9wz2m','boulangerie-martin','removal','2026-11-20 03:10:05.000000','claire@smileo.example','0f3a','compta-01','{"changed": true}');
INSERT INTO "events" VALUES(8,'k7f3q9wz2m','boulangerie-martin','retirement','2026-11-20 03:11:05.000000','claire@smileo.example','0f3a','vieux-pc','{"licence": "server", "on": "2026-11-20", "keep_until": "2027-03-31", "access_key_id": "AKIA1"}');
INSERT INTO "events" VALUES(9,'k7f3q9wz2m','boulangerie-martin','quota_change','2026-11-20 03:12:05.000000','claire@smileo.example','0f3a',NULL,'{"quota_bytes": 107374182400, "amendments": ["AV-1"]}');
INSERT INTO "events" VALUES(10,'k7f3q9wz2m','boulangerie-martin','licence_change','2026-11-20 03:13:05.000000','claire@smileo.example','0f3a',NULL,'{"licences": {"server": 1, "workstation": 2}, "amendments": []}');
INSERT INTO "events" VALUES(11,'k7f3q9wz2m','boulangerie-martin','option_change','2026-11-20 03:14:05.000000','claire@smileo.example','0f3a',NULL,'{"options": ["escrow"], "amendments": []}');
INSERT INTO "events" VALUES(12,'k7f3q9wz2m','boulangerie-martin','suspension_change','2026-11-20 03:15:05.000000','claire@smileo.example','0f3a',NULL,'{"suspended": true, "amendments": []}');
INSERT INTO "events" VALUES(13,'k7f3q9wz2m','boulangerie-martin','hold_change','2026-11-20 03:16:05.000000','claire@smileo.example','0f3a',NULL,'{"hold": {"reference": "TJ 1/27", "since": "2027-01-05", "kind": "preserve"}, "amendments": ["AV-1"]}');
INSERT INTO "events" VALUES(14,'k7f3q9wz2m','boulangerie-martin','hold_change','2026-11-20 03:17:05.000000','claire@smileo.example','0f3a',NULL,'{"hold": null, "amendments": []}');
INSERT INTO "events" VALUES(15,'k7f3q9wz2m','boulangerie-martin','commissioned','2026-11-20 03:18:05.000000','claire@smileo.example','0f3a',NULL,'{"machines": ["compta-01", "caisse-01"]}');
INSERT INTO "events" VALUES(16,'k7f3q9wz2m','boulangerie-martin','password_used','2026-11-20 03:19:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "drill of snapshot 86288919, seed 7"}');
INSERT INTO "events" VALUES(17,'k7f3q9wz2m','boulangerie-martin','drill','2026-11-20 03:20:05.000000','claire@smileo.example','0f3a','compta-01','{"seed": 7, "snapshot": "abababababababababababababababababababababababababababababababab", "files": ["/home/\u00e9t\u00e9.txt"], "problems": ["a file differs"], "losses": [{"kind": "packs_gone", "count": 2, "bytes": 9}], "gaps": [{"kind": "path_not_saved", "path": "/srv", "state": "empty", "bytes": null}]}');
INSERT INTO "events" VALUES(18,'k7f3q9wz2m','boulangerie-martin','drill','2026-11-20 03:21:05.000000','claire@smileo.example','0f3a','compta-01','{"seed": 8, "snapshot": "abababababababababababababababababababababababababababababababab", "files": [], "problems": []}');
INSERT INTO "events" VALUES(19,'k7f3q9wz2m','boulangerie-martin','verification','2026-11-20 03:22:05.000000','claire@smileo.example','0f3a','compta-01','{"round_started_at": "2026-11-20T03:04:05+00:00", "last_pack": "abababababababababababababababababababababababababababababababab", "packs": 12, "read_bytes": 4096, "position": 0.1234, "is_complete": false, "damaged": [{"pack": "abababababababababababababababababababababababababababababababab", "fault": "altered"}], "damaged_count": 1, "problem": ""}');
INSERT INTO "events" VALUES(20,'k7f3q9wz2m','boulangerie-martin','verification_round','2026-11-20 03:23:05.000000','claire@smileo.example','0f3a','compta-01','{"round_started_at": "2026-11-20T03:04:05+00:00", "packs": 12, "read_bytes": 4096, "damaged_count": 1}');
INSERT INTO "events" VALUES(21,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-20 03:24:05.000000','claire@smileo.example','0f3a','compta-01','{"closed": true, "used_bytes": 5, "quota_bytes": 4, "stored_bytes": 9, "filling": "objects"}');
INSERT INTO "events" VALUES(22,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-20 03:25:05.000000','claire@smileo.example','0f3a','compta-01','{"closed": false, "used_bytes": 3, "quota_bytes": 4, "stored_bytes": 9}');
INSERT INTO "events" VALUES(23,'k7f3q9wz2m','boulangerie-martin','gate_change','2026-11-20 03:26:05.000000','claire@smileo.example','0f3a','compta-01','{"closed": false, "used_bytes": 3, "quota_bytes": 4}');
INSERT INTO "events" VALUES(24,'k7f3q9wz2m','boulangerie-martin','gate_word','2026-11-20 03:27:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "a migration", "surplus_bytes": 17, "objects": 3}');
INSERT INTO "events" VALUES(25,'k7f3q9wz2m','boulangerie-martin','out_of_hours_apply','2026-11-20 03:28:05.000000','claire@smileo.example','0f3a',NULL,'{"reason": "it is Sunday"}');
INSERT INTO "events" VALUES(26,'k7f3q9wz2m','boulangerie-martin','key_rotated','2026-11-20 03:29:05.000000','claire@smileo.example','0f3a','compta-01','{"which": "the key of compta-01", "stage": "moved", "access_key_id": "AKIA2", "replaced_key_id": "AKIA1"}');
INSERT INTO "events" VALUES(27,'k7f3q9wz2m','boulangerie-martin','key_rotated','2026-11-20 03:30:05.000000','claire@smileo.example','0f3a',NULL,'{"which": "the signing key", "stage": "begun", "access_key_id": null}');
INSERT INTO "events" VALUES(28,'k7f3q9wz2m','boulangerie-martin','undelete','2026-11-20 03:31:05.000000','claire@smileo.example','0f3a','compta-01','{"to": "2026-11-20T03:04:05Z", "brought_back": 2, "copied_bytes": 9, "hidden": ["restic/snapshots/a"], "hidden_count": 1, "lost_count": 0, "foreign_count": 1}');
INSERT INTO "events" VALUES(29,'k7f3q9wz2m','boulangerie-martin','undelete','2026-11-20 03:32:05.000000','claire@smileo.example','0f3a','compta-01','{"to": "2026-11-20T03:04:05Z", "brought_back": 2, "copied_bytes": 9, "hidden": [], "hidden_count": 0, "lost_count": 0}');
INSERT INTO "events" VALUES(30,'k7f3q9wz2m','boulangerie-martin','snapshot_set_aside','2026-11-20 03:33:05.000000','claire@smileo.example','0f3a','compta-01','{"snapshot": "abababababababababababababababababababababababababababababababab", "reason": "asked by letter"}');
INSERT INTO "events" VALUES(31,'k7f3q9wz2m','boulangerie-martin','snapshot_brought_back','2026-11-20 03:34:05.000000','claire@smileo.example','0f3a','compta-01','{"snapshot": "abababababababababababababababababababababababababababababababab", "reason": "asked back"}');
INSERT INTO "events" VALUES(32,'k7f3q9wz2m','boulangerie-martin','snapshots_released','2026-11-20 03:35:05.000000','claire@smileo.example','0f3a','compta-01','{"why": "hidden", "snapshots": ["abababababababababababababababababababababababababababababababab"]}');
INSERT INTO "events" VALUES(33,'k7f3q9wz2m','boulangerie-martin','snapshots_released','2026-11-20 03:36:05.000000','claire@smileo.example','0f3a','compta-01','{"why": "acknowledged", "snapshots": [], "reason": "a disk was lost", "losses": [{"kind": "reports_gone", "number": null, "known": 7}]}');
INSERT INTO "events" VALUES(34,'k7f3q9wz2m','boulangerie-martin','new_repository','2026-11-20 03:37:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "all is lost", "snapshots": 2, "newest": "abababababababababababababababababababababababababababababababab"}');
INSERT INTO "events" VALUES(35,'k7f3q9wz2m','boulangerie-martin','new_repository','2026-11-20 03:38:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "all is lost", "snapshots": 0, "newest": null}');
INSERT INTO "events" VALUES(36,'k7f3q9wz2m','boulangerie-martin','machine_replaced','2026-11-20 03:39:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "a new PC", "before": {"host_name": "compta", "mark": "0a1b", "accepted_at": "2026-11-20T03:04:05+00:00"}}');
INSERT INTO "events" VALUES(37,'k7f3q9wz2m','boulangerie-martin','machine_replaced','2026-11-20 03:40:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "a new PC", "before": null}');
INSERT INTO "events" VALUES(38,'k7f3q9wz2m','boulangerie-martin','paths_accepted','2026-11-20 03:41:05.000000','claire@smileo.example','0f3a','compta-01','{"reason": "it is empty", "number": 5, "paths": [{"path": "/srv", "files": 0, "bytes": 0}]}');
INSERT INTO "events" VALUES(39,'k7f3q9wz2m','boulangerie-martin','departure','2026-11-20 03:42:05.000000','claire@smileo.example','0f3a',NULL,'{"on": "2027-03-02", "identity": "declared", "stage": "notified"}');
INSERT INTO "events" VALUES(40,'k7f3q9wz2m','boulangerie-martin','departure','2026-11-20 03:43:05.000000','claire@smileo.example','0f3a','vieux-pc','{"on": "2027-03-02", "retired_machine": "vieux-pc", "identity": "proved", "by": "0f0f", "stage": "erased"}');
INSERT INTO "events" VALUES(41,'k7f3q9wz2m','boulangerie-martin','departure_step','2026-11-20 03:44:05.000000','claire@smileo.example','0f3a','compta-01','{"on": "2027-03-02", "identity": "declared", "step": "frozen", "machines": ["compta-01"]}');
INSERT INTO "events" VALUES(42,'k7f3q9wz2m','boulangerie-martin','letter','2026-11-20 03:45:05.000000','claire@smileo.example','0f3a',NULL,'{"letter": "reminder", "file": "rappel.pdf", "sha256": "abababababababababababababababababababababababababababababababab", "state": "written", "on": "2027-03-02"}');
INSERT INTO "events" VALUES(43,'k7f3q9wz2m','boulangerie-martin','letter','2026-11-20 03:46:05.000000','claire@smileo.example','0f3a',NULL,'{"letter": "erased", "file": "fin.pdf", "sha256": "abababababababababababababababababababababababababababababababab", "state": "sent", "on": "2027-03-02", "to": "a@b.example", "message_id": "<1@b>"}');
INSERT INTO "events" VALUES(44,'k7f3q9wz2m','boulangerie-martin','disclosure','2026-11-20 03:47:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "state": "begun", "format": "files"}');
INSERT INTO "events" VALUES(45,'k7f3q9wz2m','boulangerie-martin','disclosure','2026-11-20 03:48:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "state": "complete", "sealed_in": "/mnt/x", "statement_sha256": "abababababababababababababababababababababababababababababababab", "machines": [{"machine": "compta-01", "files": 2}]}');
INSERT INTO "events" VALUES(46,'k7f3q9wz2m','boulangerie-martin','hold_placed','2026-11-20 03:49:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "since": "2027-01-05", "hold_kind": "block_access"}');
INSERT INTO "events" VALUES(47,'k7f3q9wz2m','boulangerie-martin','hold_lifted','2026-11-20 03:50:05.000000','claire@smileo.example','0f3a',NULL,'{"reference": "REQ-1", "reason": "a letter"}');
INSERT INTO "events" VALUES(48,'k7f3q9wz2m','boulangerie-martin','records_trimmed','2026-11-20 03:51:05.000000','claire@smileo.example','0f3a',NULL,'{"on": "2027-05-01", "trimmed": [{"kind": "drill", "count": 2}], "links": true}');
INSERT INTO "events" VALUES(49,'k7f3q9wz2m','boulangerie-martin','copy','2026-11-20 03:52:05.000000','claire@smileo.example','0f3a','compta-01','{"platform": "aws-paris", "listed_at": "2026-11-20T03:04:05+00:00", "is_complete": false, "snapshots": 2, "copied": 12, "copied_bytes": 4096, "faults": [{"key": "restic/data/ab/abababababababababababababababababababababababababababababababab", "fault": "altered"}], "fault_count": 1}');
INSERT INTO "events" VALUES(50,'k7f3q9wz2m','boulangerie-martin','second_copy_change','2026-11-20 03:53:05.000000','claire@smileo.example','0f3a',NULL,'{"platform": "aws-paris", "amendments": ["AV-2027-03"]}');
INSERT INTO "events" VALUES(51,'k7f3q9wz2m','boulangerie-martin','records_begun','2026-11-30 02:00:00.000000','claire@smileo.example','0f3a',NULL,'{"reason": "the disk died"}');
INSERT INTO "events" VALUES(52,'k7f3q9wz2m','boulangerie-martin','reviewed_apply','2026-11-30 02:00:00.000000','claire@smileo.example','0f3a',NULL,'{"state": "done", "plan_sha256": "abababababababababababababababababababababababababababababababab", "reviewed_commit": "0123456789abcdef0123456789abcdef01234567", "approved_by": ["boris"], "destroys": ["resources", "protection"], "change_number": 7, "author": "anna", "merged_by": "chloe"}');
INSERT INTO "events" VALUES(53,'k7f3q9wz2m','boulangerie-martin','inputs_applied','2026-11-30 02:01:00.000000','claire@smileo.example','0f3a',NULL,'{"tenant_sha256": "abababababababababababababababababababababababababababababababab", "program_sha256": "abababababababababababababababababababababababababababababababab", "is_complete": true, "has_agents": false}');
INSERT INTO "events" VALUES(54,'k7f3q9wz2m','boulangerie-martin','enrolment_invited','2026-11-30 02:02:00.000000','claire@smileo.example','0f3a','compta-01','{"invitation": "00000000000000000000000000000000", "expires_at": "2026-11-20T03:04:05+00:00", "needs_confirmation": true}');
INSERT INTO "events" VALUES(55,'k7f3q9wz2m','boulangerie-martin','enrolment_revoked','2026-11-30 02:02:01.000000','claire@smileo.example','0f3a','compta-01','{"invitation": "00000000000000000000000000000000", "reason": "the mail went astray"}');
INSERT INTO "events" VALUES(56,'k7f3q9wz2m','boulangerie-martin','enrolment_misused','2026-11-30 02:02:02.000000','claire@smileo.example','0f3a','compta-01','{"invitation": "11111111111111111111111111111111", "fingerprints": ["0123-4567-89ab-cdef"]}');
INSERT INTO "events" VALUES(57,'k7f3q9wz2m','boulangerie-martin','configuration_delivered','2026-11-30 02:02:03.000000','claire@smileo.example','0f3a','compta-01','{"number": 1, "public_key": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "content_sha256": "abababababababababababababababababababababababababababababababab", "invitation": "11111111111111111111111111111111", "host_name": "portable-de-l\u00e9a"}');
INSERT INTO "events" VALUES(58,'k7f3q9wz2m','boulangerie-martin','configuration_delivered','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"number": 2, "public_key": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "content_sha256": "abababababababababababababababababababababababababababababababab"}');
INSERT INTO "events" VALUES(59,'k7f3q9wz2m','boulangerie-martin','inputs_applied','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"tenant_sha256": "abababababababababababababababababababababababababababababababab", "program_sha256": "abababababababababababababababababababababababababababababababab", "is_complete": true, "has_agents": true, "file_sha256": "abababababababababababababababababababababababababababababababab", "platform_file_sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}');
INSERT INTO "events" VALUES(60,'k7f3q9wz2m','boulangerie-martin','finding_opened','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"finding": {"kind": "quota_near", "percent": 80, "used_bytes": 9, "quota_bytes": 10}, "detail": "80"}');
INSERT INTO "events" VALUES(61,'k7f3q9wz2m','boulangerie-martin','finding_opened','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"finding": {"kind": "platform_away", "error": "nobody answers", "tenants": 2}, "platform": "lab"}');
INSERT INTO "events" VALUES(62,'k7f3q9wz2m','boulangerie-martin','finding_closed','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"finding_kind": "quota_near", "since": "2026-11-20T03:04:05+00:00", "detail": "80"}');
INSERT INTO "events" VALUES(63,'k7f3q9wz2m','boulangerie-martin','finding_word','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"finding_id": 7, "finding_kind": "quota_near", "word": "acknowledged", "reason": "an amendment is on its way"}');
INSERT INTO "events" VALUES(64,'k7f3q9wz2m','boulangerie-martin','finding_word','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"finding_id": 7, "finding_kind": "quota_near", "word": "silenced", "reason": "until it is signed", "until": "2026-11-20T03:04:05+00:00"}');
INSERT INTO "events" VALUES(65,'k7f3q9wz2m','boulangerie-martin','finding_word','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"finding_id": 7, "finding_kind": "quota_near", "word": "ticket", "ticket": "INC-17"}');
INSERT INTO "events" VALUES(66,'k7f3q9wz2m','boulangerie-martin','pause_declared','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"until": "2026-11-20T03:04:05+00:00", "reason": "the shop is closed"}');
INSERT INTO "events" VALUES(67,'k7f3q9wz2m','boulangerie-martin','pause_ended','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"reason": "it is open again"}');
INSERT INTO "events" VALUES(68,'k7f3q9wz2m','boulangerie-martin','retention_frozen','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"signs": [{"kind": "rewritten", "files": 900, "files_before": 1000}], "last_good_snapshot_id": "abababababababababababababababababababababababababababababababab", "last_good_at": "2026-11-20T03:04:05+00:00"}');
INSERT INTO "events" VALUES(69,'k7f3q9wz2m','boulangerie-martin','retention_frozen','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"reason": "the customer calls: their files are locked"}');
INSERT INTO "events" VALUES(70,'k7f3q9wz2m','boulangerie-martin','retention_released','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a','compta-01','{"reason": "an accountant encrypted her folder"}');
INSERT INTO "events" VALUES(71,'k7f3q9wz2m','boulangerie-martin','message_sent','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a',NULL,'{"message": 7, "subject": "quota_near", "told": "begin", "to": "claire@martin.example", "message_id": "<0f0f@smileo.example>", "answer": "250 taken", "sha256": "abababababababababababababababababababababababababababababababab"}');
INSERT INTO "events" VALUES(72,'k7f3q9wz2m','boulangerie-martin','message_sent','2026-11-30 02:02:04.000000','claire@smileo.example','0f3a',NULL,'{"message": 8, "subject": "quota_reached", "told": "end", "to": "claire@martin.example", "message_id": "<1f1f@smileo.example>", "answer": "250 taken", "sha256": "abababababababababababababababababababababababababababababababab", "attempts": 3}');
INSERT INTO "events" VALUES(73,'k7f3q9wz2m','boulangerie-martin','pruning_began','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{}');
INSERT INTO "events" VALUES(74,'k7f3q9wz2m','boulangerie-martin','pruning_ended','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{}');
INSERT INTO "events" VALUES(75,'k7f3q9wz2m','boulangerie-martin','retention_agreed','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"agreements": ["amount", "loss"], "reason": "M. Martin, by mail"}');
INSERT INTO "events" VALUES(76,'k7f3q9wz2m','boulangerie-martin','pruned','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"removed": 3, "kept": 40, "current_bytes_before": 9000, "current_bytes_after": 7000, "stored_bytes_before": 9500, "stored_bytes_after": 9600, "unused_bytes": 12}');
INSERT INTO "events" VALUES(77,'k7f3q9wz2m','boulangerie-martin','pruned','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"removed": 0, "kept": 40, "current_bytes_before": 9000, "current_bytes_after": 9000, "stored_bytes_before": 9500, "stored_bytes_after": 4000, "unused_bytes": 0, "freed_bytes": 5500, "problem": "the repository''s index is damaged"}');
INSERT INTO "events" VALUES(78,'k7f3q9wz2m','boulangerie-martin','prune_refused','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"findings": [{"kind": "retention_too_much", "count": 70, "days": 70, "of_days": 100}]}');
INSERT INTO "events" VALUES(79,'k7f3q9wz2m','boulangerie-martin','advice_given','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"number": 1, "text": "back up the new server too", "means": "mail", "due_on": "2027-01-31"}');
INSERT INTO "events" VALUES(80,'k7f3q9wz2m','boulangerie-martin','advice_given','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"number": 2, "text": "keep a year of backups", "means": "phone"}');
INSERT INTO "events" VALUES(81,'k7f3q9wz2m','boulangerie-martin','advice_ended','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"number": 1, "outcome": "declined", "reason": "Mme Martin writes that it is replaced in spring"}');
INSERT INTO "events" VALUES(82,'k7f3q9wz2m','boulangerie-martin','platform_maintenance_declared','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"platform": "lab", "begins_at": "2026-11-20T03:04:05+00:00", "ends_at": "2026-11-20T05:04:05+00:00", "reason": "Ceph 19", "is_urgent": false}');
INSERT INTO "events" VALUES(83,'k7f3q9wz2m','boulangerie-martin','platform_maintenance_declared','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"platform": "lab", "begins_at": "2026-11-20T03:04:05+00:00", "ends_at": "2026-11-20T06:04:05+00:00", "reason": "Ceph 19", "is_urgent": true}');
INSERT INTO "events" VALUES(84,'k7f3q9wz2m','boulangerie-martin','platform_maintenance_withdrawn','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"platform": "lab", "begins_at": "2026-11-20T03:04:05+00:00"}');
INSERT INTO "events" VALUES(85,'k7f3q9wz2m','boulangerie-martin','change_window_declared','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"begins_at": "2026-11-20T03:04:05+00:00", "ends_at": "2026-11-20T05:04:05+00:00", "reason": "the move that Mme Martin asked for"}');
INSERT INTO "events" VALUES(86,'k7f3q9wz2m','boulangerie-martin','time_excluded','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"platform": "lab", "begins_at": "2026-11-20T03:04:05+00:00", "ends_at": "2026-11-20T05:04:05+00:00", "reason": "the river flooded the site", "cause": "third_party"}');
INSERT INTO "events" VALUES(87,'k7f3q9wz2m','boulangerie-martin','exclusion_revoked','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"platform": "lab", "begins_at": "2026-11-20T03:04:05+00:00", "ends_at": "2026-11-20T05:04:05+00:00", "reason": "it was another site"}');
INSERT INTO "events" VALUES(88,'k7f3q9wz2m','boulangerie-martin','drill','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"seed": 9, "snapshot": "abababababababababababababababababababababababababababababababab", "files": ["/srv/a"], "problems": [], "losses": [], "gaps": [], "reading": {"seconds": 12.345, "read_bytes": 268435456, "files": 20, "platform": "ceph-1"}}');
INSERT INTO "events" VALUES(89,'k7f3q9wz2m','boulangerie-martin','restored','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"snapshot": "abababababababababababababababababababababababababababababababab", "reading": {"seconds": 61.5, "read_bytes": 1073741824, "files": 4211, "platform": "ceph-1", "onto": "caisse-01"}}');
INSERT INTO "events" VALUES(90,'k7f3q9wz2m','boulangerie-martin','restored','2026-11-30 02:02:04.000000','claire@smileo.example',NULL,'compta-01','{"snapshot": "abababababababababababababababababababababababababababababababab"}');
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
CREATE TABLE probe_spans (
	platform TEXT NOT NULL, 
	begins_at DATETIME NOT NULL, 
	ends_at DATETIME NOT NULL, 
	is_up BOOLEAN NOT NULL, 
	probes INTEGER NOT NULL, 
	total_ms BIGINT NOT NULL, 
	longest_ms INTEGER NOT NULL, 
	step TEXT, 
	fault TEXT, 
	PRIMARY KEY (platform, begins_at)
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
INSERT INTO "sqlite_sequence" VALUES('events',90);
COMMIT;
