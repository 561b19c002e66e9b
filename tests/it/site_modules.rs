//! Modules of a site beside the element's own: `--schema-dir`.

use crate::harness::element::Home;

const RACKS: &str = r#"module site-racks {
  yang-version 1.1;
  namespace "urn:site:racks";
  prefix sr;
  import site-types { prefix st; }
  import annunciator-facilities { prefix annf; }
  container racks {
    description "All racks.";
    list rack {
      key name;
      description "A rack of the site.";
      leaf name { type st:rack-name; description "Its name."; }
      leaf height { type uint8 { range "1..48"; } default 42; description "Its height in units."; }
      leaf kind { type enumeration { enum open; enum closed; } mandatory true; description "Whether it has a door."; }
      leaf client { type leafref { path "/annf:facilities/annf:http/annf:client/annf:id"; } description "Who watches it."; }
    }
  }
  container system { description "Not the element's."; leaf x { type string; description "Something."; } }
  augment "/annf:facilities/annf:http/annf:client" { leaf room { type string; description "Where the client is."; } }
}
"#;

const TYPES: &str = "module site-types { namespace urn:site:types; prefix st; revision 2025-01-01;\n\
                     typedef rack-name { type string { pattern 'r[0-9]+'; } } }\n";

const CONFIGURATION: &str = "set system http-server port 8010\nset facilities http client c1 room north\n\
                             set racks rack r1 kind open client c1\n";

fn home() -> Home {
    Home::with(&[
        ("site/site-racks.yang", RACKS),
        ("site/types/site-types@2025-01-01.yang", TYPES),
        ("a.set", CONFIGURATION),
    ])
}

#[test]
fn data_of_a_sites_modules_is_configured_like_the_elements_own() {
    let home = home();
    let checked = home.annunciator(&["check", "--schema-dir", "site", "a.set"], "");
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    assert_eq!(home.annunciator(&["check", "a.set"], "").code, Some(2));
    let element = home.start(&["--schema-dir", "site", "--config", "a.set"]);
    let shown = home.told(&["show configuration | display set"]);
    assert!(shown.contains("set facilities http client c1 room north\n"), "{shown}");
    assert!(shown.contains("set racks rack r1 kind open\nset racks rack r1 client c1\n"), "{shown}");
    assert!(shown.contains("set system http-server port 8010\n"), "{shown}");
    home.commit(&["set racks rack r2 kind closed height 10", "set site-racks:system x y"]);
    for (change, said) in [
        ("set racks rack q9 kind open", "`q9` does not match the pattern `r[0-9]+`"),
        ("set racks rack r3 kind open height 49", "`height`: `49` is out of range: expected 1..48"),
        ("set racks rack r3 height 3", "`kind` is mandatory in `rack` and is not configured"),
        ("set racks rack r3 kind open client c2", "`client` refers to client `c2`, which does not exist"),
        ("delete facilities http client c1", "client `c1` is still referred to"),
    ] {
        let refused = home.shell(&["configure", change, "commit"]);
        assert_eq!(refused.code, Some(2), "{change}");
        let all = refused.stdout + &refused.stderr;
        assert!(all.contains(said), "{change}: {all}");
    }
    element.stop();
    let element = home.start(&["--schema-dir", "site"]);
    let shown = home.told(&["show configuration | display json"]);
    assert!(
        shown.contains("\"site-racks:system\": {\n        \"x\": \"y\"") && shown.contains("\"height\": 10"),
        "{shown}"
    );
    element.stop();
}

#[test]
fn a_module_may_go_once_nothing_is_configured_under_it() {
    let home = home();
    home.start(&["--schema-dir", "site", "--config", "a.set"]).stop();
    let refused = home.run_to_end(&[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("the schema does not have the stored `site-racks:"), "{}", refused.stderr);
    assert!(refused.stderr.contains("start with its `--schema-dir` again"), "{}", refused.stderr);
    let element = home.start(&["--schema-dir", "site"]);
    home.commit(&["delete racks", "delete facilities http client c1 room"]);
    element.stop();
    let element = home.start(&[]);
    assert!(home.told(&["show configuration | display set"]).contains("set facilities http client c1\n"));
    element.stop();
}

#[test]
fn broken_modules_refuse_the_start_and_leave_no_trace() {
    let home = home();
    home.write("site/broken.yang", "module broken { namespace urn:b; prefix b; leaf a { type nothing; } }");
    let refused = home.run_to_end(&["--schema-dir", "site", "--config", "a.set"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("type `nothing` is not defined"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--> site/broken.yang:1:58"), "{}", refused.stderr);
    assert!(!home.data().exists());
    home.write("site/broken.yang", "module broken { namespace urn:b; prefix b; }");
    home.write("site/annunciator-types.yang", "module annunciator-types { namespace urn:x; prefix x; }");
    let refused = home.run_to_end(&["--schema-dir", "site"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("has the name of one of the element's own modules"), "{}", refused.stderr);
}
