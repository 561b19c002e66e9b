//! The bodies of the fuzz targets, without a fuzzer: on their seeds, and on inputs made from pieces of these.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "for the fuzz targets it is a crate of its own")]
mod bodies;

use proptest::prelude::*;
use std::path::Path;

type Body = fn(&[u8]);

const TARGETS: &[(&str, Body)] = &[
    ("codecs", bodies::codecs),
    ("yang", bodies::yang),
    ("xpath", bodies::xpath),
    ("edits", bodies::edits),
    ("line", bodies::line),
    ("frames", bodies::frames),
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A cut of a seed put over another place of it, or other bytes there.
type Change = (prop::sample::Index, prop::sample::Index, usize, Vec<u8>);

fn mutated(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for (from, to, length, other) in changes {
        if data.is_empty() {
            break;
        }
        let (from, to) = (from.index(data.len()), to.index(data.len()));
        let piece = match other.as_slice() {
            [] => data.iter().skip(from).take(*length).copied().collect(),
            other => other.to_vec(),
        };
        let end = (to + length / 2).min(data.len());
        data.splice(to..end, piece);
    }
    data
}

fn smoke(target: &str, cases: u32) {
    let (_, body) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    for seed in &seeds {
        body(seed);
    }
    let other = prop_oneof![Just(Vec::new()), any::<Vec<u8>>(), "[ -~\\n]{0,12}".prop_map(String::into_bytes)];
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..40, other);
    let input = (0..seeds.len(), prop::collection::vec(change, 0..5));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let outcome = runner.run(&input, |(at, changes)| {
        body(&mutated(&seeds[at], &changes));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn codecs_read_back_what_they_write_and_never_panic() {
    smoke("codecs", 2000);
}

#[test]
fn no_module_makes_the_compiler_panic() {
    smoke("yang", 2000);
}

#[test]
fn no_expression_makes_its_compiler_or_its_evaluation_panic() {
    smoke("xpath", 2000);
}

#[test]
fn no_edits_make_a_change_and_the_whole_tell_different_things() {
    smoke("edits", 100);
}

#[test]
fn no_line_makes_the_shell_panic() {
    smoke("line", 3000);
}

#[test]
fn no_frame_makes_the_protocol_panic() {
    smoke("frames", 3000);
}
