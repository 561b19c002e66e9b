//! Keystores as OpenSSL writes them: keys in all of its forms, PKCS#12 old and new.

use super::has;
use annunciator::clock::Clock;
use annunciator::secret::Secret;
use annunciator::transport::Transport;
use annunciator::transport::material::{KeyStoreMaterial, KeyStoreSpec, SecretSource, TextSource};
use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, arguments: &str) -> bool {
    Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap().status.success()
}

fn loads(material: KeyStoreMaterial) -> Result<Vec<String>, String> {
    let transport = Transport::with_roots(&Clock::system(), rustls::RootCertStore::empty());
    let loaded = transport.keystore(&KeyStoreSpec { id: "k".to_owned(), material });
    loaded.map(|store| store.chain.iter().map(|c| c.subject.clone()).collect()).map_err(|faults| faults.to_string())
}

fn pem(folder: &Path, chain: &str, key: &str) -> Result<Vec<String>, String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let chain = TextSource::Inline(read(chain));
    loads(KeyStoreMaterial::Pem { chain, key: SecretSource::Inline(Secret::new(read(key))) })
}

fn pkcs12(folder: &Path, name: &str, password: Option<&str>) -> Result<Vec<String>, String> {
    let keystore = SecretSource::File(folder.join(name));
    loads(KeyStoreMaterial::Pkcs12 { keystore, password: password.map(Secret::new) })
}

#[test]
fn keys_of_openssl_are_read_in_every_form() {
    if !has("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |arguments: &str| assert!(openssl(folder, arguments), "openssl {arguments}");
    run("req -x509 -newkey rsa:2048 -nodes -keyout rsa8.key -out rsa.pem -days 30 -subj /CN=rsa");
    run("rsa -in rsa8.key -traditional -out rsa1.key");
    run("ecparam -name prime256v1 -genkey -out ec1.key");
    run("req -x509 -key ec1.key -out ec.pem -days 30 -subj /CN=ec");
    run("pkcs8 -topk8 -nocrypt -in ec1.key -out ec8.key");
    run("pkcs8 -topk8 -in ec1.key -out ec-encrypted.key -passout pass:x");
    run("ec -in ec1.key -aes128 -passout pass:x -out ec1-encrypted.key");
    // Without extensions OpenSSL makes certificates of version 1.
    run("req -new -key ec1.key -out v1.csr -subj /CN=v1");
    run("x509 -req -in v1.csr -CA rsa.pem -CAkey rsa8.key -CAcreateserial -out v1.pem -days 5");
    for (chain, key, subject) in [
        ("rsa.pem", "rsa8.key", "CN=rsa"),
        ("rsa.pem", "rsa1.key", "CN=rsa"),
        ("ec.pem", "ec1.key", "CN=ec"),
        ("ec.pem", "ec8.key", "CN=ec"),
        ("v1.pem", "ec8.key", "CN=v1"),
    ] {
        assert_eq!(pem(folder, chain, key), Ok(vec![subject.to_owned()]), "{chain} {key}");
    }
    for key in ["ec-encrypted.key", "ec1-encrypted.key"] {
        assert!(pem(folder, "ec.pem", key).unwrap_err().contains("encrypted with a password"), "{key}");
    }
    assert!(pem(folder, "ec.pem", "rsa8.key").unwrap_err().contains("not that of the certificate `CN=ec`"));

    let export = "pkcs12 -export -inkey ec8.key -in v1.pem -certfile rsa.pem -passout pass:geheim";
    run(&format!("{export} -out modern.p12"));
    run(&format!("{export} -legacy -out legacy.p12"));
    run(&format!("{export} -nomac -out nomac.p12"));
    run(&export.replace("geheim", "").replace(" -certfile rsa.pem", " -out nopassword.p12"));
    let chain = vec!["CN=v1".to_owned(), "CN=rsa".to_owned()];
    assert_eq!(pkcs12(folder, "modern.p12", Some("geheim")), Ok(chain.clone()));
    assert_eq!(pkcs12(folder, "legacy.p12", Some("geheim")), Ok(chain));
    assert_eq!(pkcs12(folder, "nopassword.p12", None), Ok(vec!["CN=v1".to_owned()]));
    for (name, password, expected) in [
        ("modern.p12", Some("falsch"), "the password is not that of the keystore"),
        ("legacy.p12", Some("falsch"), "the password is not that of the keystore"),
        ("modern.p12", None, "the password is not that of the keystore"),
        ("nomac.p12", Some("geheim"), "it has no MAC"),
        ("rsa.pem", None, "the keystore is not PKCS#12"),
    ] {
        let said = pkcs12(folder, name, password).unwrap_err();
        assert!(said.contains(expected) && !said.contains("geheim"), "{name}: {said}");
    }
}
