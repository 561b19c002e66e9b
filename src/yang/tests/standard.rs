//! TEMP
use super::*;
#[test]
fn adhoc() {
    let Ok(list) = std::fs::read_to_string("/tmp/yanglist") else { return };
    let sources: Vec<_> =
        list.lines().map(|l| Source::new(l.rsplit('/').next().unwrap(), std::fs::read_to_string(l).unwrap())).collect();
    match compile(&sources, &CompileOptions::default()) {
        Ok((t, w)) => println!("OK {} nodes {} identities\n{w}", t.nodes().len(), t.identities().len()),
        Err(f) => println!("FAULTS {}\n{f}", f.error_count()),
    }
}
