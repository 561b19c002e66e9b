//! What the compiled schema says: types, groupings, augments, leafrefs, deviations, features.

use super::{compile_all, module, sources};
use crate::yang::{
    BaseType, CompileOptions, Features, LeafSchema, NodeKind, SchemaId, SchemaNode, SchemaTree, Status, compile,
};
use std::collections::{BTreeMap, BTreeSet};

fn node<'t>(tree: &'t SchemaTree, path: &str) -> &'t SchemaNode {
    tree.node(tree.find(path.split('/')).unwrap_or_else(|| panic!("no `{path}`")))
}

fn leaf<'t>(tree: &'t SchemaTree, path: &str) -> &'t LeafSchema {
    node(tree, path).as_leaf().unwrap_or_else(|| panic!("`{path}` is no leaf"))
}

fn names(tree: &SchemaTree, ids: &[SchemaId]) -> Vec<String> {
    ids.iter().map(|id| tree.node(*id).name.to_string()).collect()
}

#[test]
fn typedefs_pass_on_what_they_restrict() {
    let tree = compile_all(&[&module(
        "typedef a { type int8 { range '-10..10 | 20'; } units u; default 5; }
         typedef b { type a { range 'min..0 | 20'; } default 0x14; }
         leaf x { type b; } leaf y { type a { range '1..5'; } default 3; } leaf z { type b; mandatory true; }",
    )]);
    let x = leaf(&tree, "x");
    let BaseType::Integer { range: Some(range), .. } = &x.ty.base else { panic!("{:?}", x.ty) };
    assert_eq!(
        (range.describe().as_str(), x.default.as_deref(), x.units.as_deref()),
        ("-10..0 | 20", Some("20"), Some("u"))
    );
    assert_eq!(leaf(&tree, "y").default.as_deref(), Some("3"));
    assert_eq!(leaf(&tree, "z").default, None);
}

#[test]
fn strings_gather_patterns_and_narrow_lengths() {
    let tree = compile_all(&[&module(
        "typedef a { type string { length '1..20'; pattern '[a-z]*'; } }
         leaf x { type a { length '5..max'; pattern 'x.*' { modifier invert-match; error-message no; } } }",
    )]);
    let BaseType::String { length: Some(length), patterns } = &leaf(&tree, "x").ty.base else { panic!("no string") };
    assert_eq!(length.parts, [(5, 20)]);
    let allows = |text: &str| patterns.iter().all(|p| p.matches(text));
    assert!(allows("abc") && !allows("xab") && !allows("aB"));
    assert_eq!(patterns[1].error_message.as_deref(), Some("no"));
}

#[test]
fn enums_and_bits_are_numbered_and_narrowed() {
    let tree = compile_all(&[&module(
        "typedef e { type enumeration { enum a; enum b { value 7; } enum c; enum d { value -1; } } }
         typedef f { type bits { bit p { position 3; } bit q; bit r { position 0; } } }
         leaf x { type e { enum c; enum a; } } leaf y { type f; default 'q r'; }",
    )]);
    let BaseType::Enumeration(members) = &leaf(&tree, "x").ty.base else { panic!("no enumeration") };
    let members: Vec<(&str, i32)> = members.iter().map(|m| (&*m.name, m.value)).collect();
    assert_eq!(members, [("c", 8), ("a", 0)]);
    let BaseType::Bits(bits) = &leaf(&tree, "y").ty.base else { panic!("no bits") };
    let bits: Vec<(&str, u32)> = bits.iter().map(|b| (&*b.name, b.position)).collect();
    assert_eq!(bits, [("r", 0), ("p", 3), ("q", 4)]);
    assert_eq!(leaf(&tree, "y").default.as_deref(), Some("r q"));
}

#[test]
fn defaults_are_kept_in_canonical_form() {
    let tree = compile_all(&[
        "module t { namespace urn:t; prefix t; identity base; identity one { base base; } }",
        &module(
            "import t { prefix tt; }
             leaf i { type identityref { base tt:base; } default tt:one; }
             leaf d { type decimal64 { fraction-digits 2; range '0..10'; } default 1.50; }
             leaf u { type union { type uint8; type enumeration { enum auto; } } default auto; }
             leaf-list l { type uint8; default 010; default 0; }",
        ),
    ]);
    assert_eq!(leaf(&tree, "i").default.as_deref(), Some("t:one"));
    assert_eq!(leaf(&tree, "d").default.as_deref(), Some("1.5"));
    assert_eq!(leaf(&tree, "u").default.as_deref(), Some("auto"));
    let NodeKind::LeafList(list) = &node(&tree, "l").kind else { panic!("no leaf-list") };
    assert_eq!(list.defaults.iter().map(|d| &**d).collect::<Vec<_>>(), ["8", "0"]);
}

#[test]
fn a_use_is_refined_and_augmented_without_changing_its_grouping() {
    let tree = compile_all(&[&module(
        "grouping g { container c { leaf a { type string; } leaf-list l { type string; default x; } } choice w { leaf s { type string; } } }
         container one { uses g { when \"../x = '1'\"; refine c { presence here; } refine c/a { default v; mandatory false; config false; }
             refine c/l { default y; default z; max-elements 3; } augment c { leaf extra { type int8; } } refine w/s/s { description d; } } }
         container two { uses g; }",
    )]);
    assert!(node(&tree, "one/c").is_presence_container() && !node(&tree, "two/c").is_presence_container());
    assert_eq!(leaf(&tree, "one/c/a").default.as_deref(), Some("v"));
    assert_eq!(leaf(&tree, "two/c/a").default, None);
    assert!(!node(&tree, "one/c/a").config && node(&tree, "two/c/a").config);
    let NodeKind::LeafList(list) = &node(&tree, "one/c/l").kind else { panic!("no leaf-list") };
    assert_eq!((list.defaults.len(), list.max_elements), (2, Some(3)));
    assert_eq!(names(&tree, &node(&tree, "one/c").data_children), ["a", "l", "extra"]);
    assert_eq!(names(&tree, &node(&tree, "two/c").data_children), ["a", "l"]);
    assert_eq!(node(&tree, "one/s").description.as_deref(), Some("d"));
    let whens: Vec<bool> = node(&tree, "one/c").whens.iter().map(|(_, outer)| *outer).collect();
    assert_eq!(whens, [true]);
}

#[test]
fn choices_are_transparent_to_data_and_keep_schema_order() {
    let tree = compile_all(&[&module(
        "container c { leaf first { type string; } choice w { default b; case a { leaf a1 { type string; } leaf a2 { type string; } } leaf b { type string; } } leaf last { type string; } }",
    )]);
    let container = node(&tree, "c");
    assert_eq!(names(&tree, &container.children), ["first", "w", "last"]);
    assert_eq!(names(&tree, &container.data_children), ["first", "a1", "a2", "b", "last"]);
    let choice = tree.node(container.children[1]);
    let NodeKind::Choice { default: Some(default) } = choice.kind else { panic!("no default") };
    assert_eq!((&*tree.node(default).name, tree.node(default).children.len()), ("b", 1));
    let b = node(&tree, "c/b");
    assert_eq!((b.data_parent, b.slot), (container.id, 3));
    assert_eq!(names(&tree, &tree.ancestry(b.id)), ["c", "b"]);
}

#[test]
fn augments_reach_across_modules_in_any_order_and_add_cases() {
    let augmenting = |name: &str, body: &str| {
        format!(
            "module {name} {{ yang-version 1.1; namespace urn:{name}; prefix {name}; import m {{ prefix m; }} {body} }}"
        )
    };
    let second = augmenting("b", "import a { prefix a; } augment /m:c/a:added { leaf deep { type string; } }");
    let first = augmenting(
        "a",
        "augment /m:c { when 'm:x'; container added; leaf x { type string; } } augment /m:c/m:w { case more { leaf m1 { type string; } } leaf short { type string; } }",
    );
    let tree = compile_all(&[
        &second,
        &first,
        &module("container c { leaf x { type string; } choice w { leaf s { type string; } } }"),
    ]);
    assert_eq!(names(&tree, &node(&tree, "c").data_children), ["x", "s", "m1", "short", "added", "x"]);
    let container = node(&tree, "c").id;
    assert_eq!(tree.children_named(container, "x").len(), 2);
    assert_eq!(tree.child(container, "x"), tree.child(container, "m:x"));
    let foreign = tree.child(container, "a:x").unwrap();
    assert!(tree.needs_qualification(foreign) && tree.node(foreign).whens[0].1);
    assert!(tree.node(tree.child(container, "m:x").unwrap()).whens.is_empty());
    assert_eq!(tree.qualified_name(node(&tree, "c/added/deep").id), "b:deep");
}

#[test]
fn lists_resolve_their_keys_and_unique_leaves() {
    let tree = compile_all(&[&module(
        "list l { key 'b a'; unique 'c/d e'; ordered-by user; min-elements 1; max-elements 9;
            leaf a { type string; } leaf b { type string; default x; } container c { leaf d { type string; } } leaf e { type string; } list n { config false; leaf v { type string; } } }",
    )]);
    let list = node(&tree, "l").as_list().unwrap();
    assert_eq!(names(&tree, &list.keys), ["b", "a"]);
    assert_eq!(names(&tree, &list.unique[0]), ["d", "e"]);
    assert_eq!((list.user_ordered, list.min_elements, list.max_elements), (true, 1, Some(9)));
    assert!(node(&tree, "l/a").is_key() && leaf(&tree, "l/b").default.is_none());
    assert_eq!((node(&tree, "l/n/v").list_depth, node(&tree, "l/n/v").config), (2, false));
}

#[test]
fn leafrefs_lead_to_their_targets() {
    let tree = compile_all(&[&module(
        "container top { list l { key k; leaf k { type uint8; } leaf v { type string; } list sub { key s; leaf s { type string; } } }
            leaf ref { type leafref { path '../l/k'; } default 7; }
            leaf sub { type leafref { path '/m:top/m:l[m:k = current()/../ref]/m:sub/m:s'; require-instance false; } }
            choice w { case c { leaf chained { type r; } } leaf either { type union { type leafref { path /top/l/v; } type r; } } } }
         typedef r { type leafref { path '/m:top/m:ref'; } }
         rpc go { input { leaf a { type string; } leaf b { type leafref { path '../a'; } } leaf c { type leafref { path '/top/ref'; } } } }",
    )]);
    let leafref = |path: &str| match &leaf(&tree, path).ty.base {
        BaseType::Leafref(leafref) => leafref,
        other => panic!("{other:?}"),
    };
    assert_eq!(leafref("top/ref").target, node(&tree, "top/l/k").id);
    assert_eq!(leaf(&tree, "top/ref").default.as_deref(), Some("7"));
    let sub = leafref("top/sub");
    assert!(!sub.require_instance && sub.target == node(&tree, "top/l/sub/s").id);
    let predicate = &sub.predicates[0];
    assert_eq!(
        (predicate.key, predicate.value, predicate.up),
        (node(&tree, "top/l/k").id, node(&tree, "top/ref").id, 1)
    );
    let chained = leafref("top/chained");
    assert!(matches!(&chained.target_type.base, BaseType::Leafref(to) if to.target == node(&tree, "top/l/k").id));
    let BaseType::Union(members) = &leaf(&tree, "top/either").ty.base else { panic!("no union") };
    assert!(members.iter().all(|m| matches!(m.base, BaseType::Leafref(_))));
    let operation = tree.nodes().iter().find(|n| &*n.name == "go").unwrap();
    assert!(matches!(operation.kind, NodeKind::Operation) && operation.data_parent == SchemaId::ROOT);
    assert!(!tree.node(SchemaId::ROOT).data_children.contains(&operation.id));
    let input = operation.children[0];
    let b = tree.child(input, "b").unwrap();
    assert!(
        matches!(&tree.node(b).ty().unwrap().base, BaseType::Leafref(to) if Some(to.target) == tree.child(input, "a"))
    );
}

#[test]
fn the_elements_own_extensions_are_understood() {
    let own = super::super::builtin()[0].1;
    let tree = compile_all(&[
        own,
        &module(
            "import annunciator-extensions { prefix ann; }
             list l { key k; ann:resource-type thing; leaf k { type string; } }
             leaf s { type string; ann:secret; } leaf-list t { type string; ann:secret; }
             leaf a { type leafref { path /l/k; ann:on-delete prune; } } leaf-list b { type leafref { path /l/k; } ann:on-delete prune; } leaf c { type leafref { path /l/k; } }",
        ),
    ]);
    assert!(node(&tree, "s").is_secret() && node(&tree, "t").is_secret() && !node(&tree, "l/k").is_secret());
    assert_eq!(node(&tree, "l").extension("annunciator-extensions", "resource-type"), Some("thing"));
    let on_delete = |name: &str| match &node(&tree, name).ty().unwrap().base {
        BaseType::Leafref(leafref) => leafref.on_delete.as_deref(),
        _ => None,
    };
    assert_eq!((on_delete("a"), on_delete("b"), on_delete("c")), (Some("prune"), Some("prune"), None));
}

#[test]
fn deviations_change_what_they_name() {
    let deviating = "module d { yang-version 1.1; namespace urn:d; prefix d; import m { prefix m; }
        deviation /m:c/m:gone { deviate not-supported; }
        deviation /m:c/m:a { deviate replace { type uint8; default 9; } deviate add { must 'true()'; mandatory false; } }
        deviation /m:c/m:b { deviate delete { default x; units u; } } }";
    let body = "container c { leaf gone { type string; } leaf a { type string; default v; } leaf b { type string; default x; units u; } }";
    let tree = compile_all(&[deviating, &module(body)]);
    assert_eq!(names(&tree, &node(&tree, "c").data_children), ["a", "b"]);
    assert_eq!((&*leaf(&tree, "c/a").ty.name, leaf(&tree, "c/a").default.as_deref()), ("uint8", Some("9")));
    assert_eq!(node(&tree, "c/a").musts.len(), 1);
    assert_eq!((leaf(&tree, "c/b").default.as_deref(), leaf(&tree, "c/b").units.as_deref()), (None, None));
}

#[test]
fn features_switch_nodes_enums_and_uses() {
    let text = module(
        "feature f; feature g { if-feature f; } feature h;
         grouping gr { leaf in { type string; } }
         leaf a { if-feature 'f and not g'; type string; } leaf b { if-feature 'g or h'; type string; }
         container u { uses gr { if-feature h; } }
         leaf e { type enumeration { enum x; enum y { if-feature h; } } }
         choice w { default c1; leaf c1 { if-feature h; type string; } leaf c2 { type string; } }",
    );
    let with = |on: &[&str]| {
        let on: BTreeSet<String> = on.iter().map(|f| (*f).to_owned()).collect();
        let options = CompileOptions {
            features: Features::Only(BTreeMap::from([("m".to_owned(), on)])),
            ..CompileOptions::default()
        };
        compile(&sources(&[&text]), &options).unwrap_or_else(|faults| panic!("{faults}")).0
    };
    assert!(with(&["f"]).find(["a"]).is_some() && with(&["f"]).find(["b"]).is_none());
    assert!(with(&["g"]).find(["b"]).is_none(), "g needs f");
    let tree = with(&["h"]);
    assert!(tree.find(["b"]).is_some() && tree.find(["u", "in"]).is_some() && tree.find(["c1"]).is_some());
    let tree = with(&[]);
    assert!(tree.find(["u", "in"]).is_none() && tree.find(["c2"]).is_some() && tree.find(["c1"]).is_none());
    assert!(matches!(&leaf(&tree, "e").ty.base, BaseType::Enumeration(members) if members.len() == 1));
}

#[test]
fn submodules_share_the_namespace_and_definitions_of_their_module() {
    let main = "module n { yang-version 1.1; namespace urn:n; prefix n; include s; revision 2024-01-02; revision 2025-01-02; container c { uses g; leaf t { type t; } } typedef u { type string; } }";
    let sub = "submodule s { yang-version 1.1; belongs-to n { prefix x; } typedef t { type x:u; } grouping g { leaf l { type u; } } leaf top { type t; status deprecated; } }";
    let tree = compile_all(&[sub, main]);
    assert_eq!(tree.modules().len(), 1);
    assert_eq!(tree.modules()[0].revision.as_deref(), Some("2025-01-02"));
    assert_eq!(tree.qualified_name(node(&tree, "top").id), "n:top");
    assert_eq!(node(&tree, "top").status, Status::Deprecated);
    assert!(tree.find(["c", "l"]).is_some() && tree.modules()[0].prefixes.contains_key("x"));
}

#[test]
fn imports_may_ask_for_a_revision_and_import_only_modules_lend_definitions() {
    let old =
        "module t { namespace urn:t; prefix t; revision 2020-01-01; typedef a { type int8; } leaf old { type a; } }";
    let new =
        "module t { namespace urn:t; prefix t; revision 2021-01-01; typedef a { type string; } leaf new { type a; } }";
    let user = module("import t { prefix p; revision-date 2020-01-01; } leaf x { type p:a; }");
    let tree = compile_all(&[old, &user, new]);
    assert!(tree.find(["new"]).is_some() && tree.find(["old"]).is_none());
    assert!(matches!(leaf(&tree, "x").ty.base, BaseType::Integer { .. }));
    assert!(tree.module(tree.module_by_name("t").unwrap()).implemented);
    let options = CompileOptions { import_only: BTreeSet::from(["t".to_owned()]), ..CompileOptions::default() };
    let (tree, _) = compile(&sources(&[old, &user]), &options).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(tree.find(["old"]).is_none() && tree.find(["x"]).is_some());
}

#[test]
fn identities_know_all_their_bases() {
    let tree = compile_all(&[&module("identity a; identity b { base a; } identity c { base b; base d; } identity d;")]);
    let id = |name: &str| {
        let at = tree.identities().iter().position(|i| &*i.name == name).unwrap();
        crate::yang::IdentityId(u32::try_from(at).unwrap())
    };
    assert!(tree.is_derived_or_self(id("c"), id("a")) && tree.is_derived_or_self(id("c"), id("d")));
    assert!(!tree.is_derived_or_self(id("b"), id("d")) && !tree.is_derived_or_self(id("a"), id("b")));
}
