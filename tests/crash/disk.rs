//! A disk that is full, or cannot be written: the element says so, keeps what it has, and goes on when it can.

use super::model::{Model, alerts, check_told, commit, fail_at_random, handler, post};
use crate::harness::WITHIN;
use crate::harness::element::Home;
use crate::harness::http::{HttpReceiver, Recorded};
use annunciator::clock::Clock;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A small disk of its own; unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Mounts one; `None`, and a word about it, where that is not allowed.
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at)),
            _ => {
                eprintln!("skipped: this user may not mount a disk");
                None
            }
        }
    }

    fn make_read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // A test that failed may still have files open there.
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

/// Writes until nothing fits any more.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [64 * 1024, 512] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_nothing_acknowledged_is_lost() {
    let (home, receiver) = (Home::new(), HttpReceiver::start());
    let data = home.data();
    let Some(disk) = SmallDisk::mount(&data, "3m") else { return };
    fail_at_random(&receiver, 0xf011, 200);
    let element = home.start(&[]);
    let address = element.http();
    commit(&home, &handler("wh", receiver.address()));
    let mut model = Model::new(0xd15c);
    model.say(address, 20);
    let filler = data.join("filler");
    fill(&filler);
    // What the files have room for is still taken; then it is refused, and said again later.
    let refused = model.load(address);
    let shown = home.told(&["show alarms"]);
    assert!(shown.contains("Flap"), "{shown}");
    // It dies and starts again with the disk as full as it is, and still tells what it took.
    assert_eq!(element.process.crash().signal, Some(9));
    let element = home.start(&[]);
    let address = element.http();
    // The start may have found some room in its own files.
    let refused = match post(address, &alerts(&refused)) {
        Ok(()) => {
            model.acknowledge(&refused);
            model.load(address)
        }
        Err(_) => refused,
    };
    std::fs::remove_file(&filler).unwrap();
    let clock = Clock::system();
    while let Err(error) = post(address, &alerts(&refused)) {
        assert!(clock.elapsed() < WITHIN, "{error}");
    }
    model.acknowledge(&refused);
    model.say(address, 20);
    check_told(&receiver, &model.check(&home));
    element.stop();

    disk.make_read_only();
    let finished = home.run_to_end(&[]);
    assert_eq!((finished.code, finished.signal), (Some(1), None), "{}", finished.stderr);
    assert!(finished.stderr.contains("error"), "{}", finished.stderr);
}

#[test]
fn that_the_disk_is_full_is_told_while_it_is_and_that_it_is_not_once_it_is_not() {
    let (home, receiver) = (Home::new(), HttpReceiver::start());
    let data = home.data();
    let Some(_disk) = SmallDisk::mount(&data, "32m") else { return };
    let element = home.start(&[]);
    let address = element.http();
    commit(&home, &handler("wh", receiver.address()));
    let reserve = data.join("reserve");
    let clock = Clock::system();
    while !reserve.exists() {
        assert!(clock.elapsed() < WITHIN);
        std::thread::yield_now();
    }
    let filler = data.join("filler");
    fill(&filler);
    let mut model = Model::new(0xf011);
    drop(model.load(address));
    let told = |cleared: &'static str| {
        move |requests: &[Recorded]| {
            let is_it = |text: &str| {
                text.contains(r#""alarm_type":"storage-full""#) && text.contains(&format!(r#""cleared":"{cleared}""#))
            };
            requests.iter().any(|request| is_it(&request.text()))
        }
    };
    receiver.wait_until("the alarm that the disk is full", told("false"));
    assert!(filler.exists() && !reserve.exists());
    std::fs::remove_file(&filler).unwrap();
    receiver.wait_until("its end", told("true"));
    assert!(reserve.exists());
    element.stop();
}
