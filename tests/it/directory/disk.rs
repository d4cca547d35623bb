//! A folder on a disk that is full, or that loses power: no record of which a caller was told is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    fixture::{ALICE, Fixture},
    service::{DELETE, Service, TOKEN},
    store::TestStore,
};
use crate::{
    harness,
    process::{program, run, until},
};

async fn fixture() -> Fixture {
    Fixture::new(Arc::new(TestStore::folder()), harness::emulator().await.0).await
}

/// A process under this limit cannot write a byte to a file. Without the trap, a signal would end it.
const FULL: [&str; 3] = ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""];

#[tokio::test]
async fn full_disk_is_an_error_with_a_remedy_and_loses_nothing() {
    let fixture = fixture().await;
    let (alice, bob) = (fixture.sign_in(ALICE).await, fixture.sign_in("bob").await);
    let service = fixture.service().await;
    let issued = service.token(&bob).await;
    let acs = fixture.acs.connection_string();
    let settings = [("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs), ("RUST_LOG", "info")];
    let mut full = Service::start_under(&FULL, &fixture, &settings).await;

    for (user, call) in [(&alice, TOKEN), (&bob, DELETE)] {
        let (status, problem) = full.start_call(user, call).await.unwrap().unwrap();
        assert_eq!((status, &problem["code"]), (503, &"directory-unavailable".into()));
        let line = full.log_line(|line| line["code"] == "directory-unavailable").await;
        assert_eq!(line["level"], "ERROR");
        assert!(line["remedy"].as_str().unwrap().starts_with("free space on the disk"), "{line}");
    }
    // Bob, whose deletion failed, has the same identity, and Alice has none.
    assert_eq!(full.token(&bob).await.0, issued.0);
    fixture.assert_token(&issued).await;
    assert_eq!(fixture.only_identity().await, issued.0);
    assert_eq!(fixture.store.files().len(), 2, "a record and the lock: {:?}", fixture.store.files());

    // The disk has space again.
    fixture.assert_token(&service.token(&alice).await).await;
    service.call(&bob, DELETE).await;
    assert_eq!(fixture.identities().await.0.len(), 1);
}

/// The state of a disk after a power loss, from the system calls of a process: only synced files, and changes of a
/// folder's entries that were synced after them.
#[derive(Default)]
struct Disk {
    synced: BTreeSet<PathBuf>,
    /// The entries that a power loss takes, with whether the content is kept.
    pending: BTreeMap<PathBuf, bool>,
    lost: BTreeSet<PathBuf>,
}

impl Disk {
    /// Replays a trace of `strace -f -y`. A system call that another one interrupts has two lines.
    fn replay(trace: &str) -> Self {
        let (mut disk, mut unfinished) = (Self::default(), BTreeMap::new());
        for line in trace.lines() {
            let Some((process, call)) = line.split_once(char::is_whitespace) else { continue };
            let call = call.trim_start();
            if let Some(begin) = call.strip_suffix(" <unfinished ...>") {
                unfinished.insert(process, begin.to_owned());
            } else if let Some(end) = call.strip_prefix("<... ") {
                let begin = unfinished.remove(process).unwrap_or_default();
                disk.apply(&format!("{begin}{}", end.split_once("resumed>").map_or("", |(_, end)| end)));
            } else {
                disk.apply(call);
            }
        }
        disk.lost.extend(std::mem::take(&mut disk.pending).into_keys());
        disk
    }

    fn apply(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(').filter(|_| call.ends_with(" = 0")) else { return };
        let paths: Vec<PathBuf> = rest.split('"').skip(1).step_by(2).map(PathBuf::from).collect();
        match (name, &paths[..]) {
            ("fsync" | "fdatasync", _) => {
                let path = PathBuf::from(rest.split_once('<').unwrap().1.split_once('>').unwrap().0);
                let is_inside = |file: &Path| file.parent() == Some(&path);
                for (file, kept) in std::mem::take(&mut self.pending) {
                    match (is_inside(&file), kept) {
                        (false, kept) => _ = self.pending.insert(file, kept),
                        (true, true) => _ = self.lost.remove(&file),
                        (true, false) => _ = self.lost.insert(file),
                    }
                }
                self.synced.insert(path);
            }
            ("link" | "linkat" | "rename" | "renameat" | "renameat2", [from, to]) => {
                self.pending.insert(to.clone(), self.synced.contains(from));
            }
            _ => {}
        }
    }
}

/// Starts a service whose system calls are traced into a file. Returns `None` where processes cannot be traced.
async fn traced(fixture: &Fixture, trace: &Path) -> Option<Service> {
    const STRACE: &str = "/usr/bin/strace";
    let mut trial = program(STRACE, &[]);
    trial.args(["-o", "/dev/null", "/bin/true"]);
    if !Path::new(STRACE).exists() || run(trial).await.0 != 0 {
        return None;
    }
    let calls = "trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2";
    // With -D, the service is the child of this process, which can kill it.
    let strace = [STRACE, "-D", "-f", "-y", "-s", "4096", "-e", calls, "-o", trace.to_str().unwrap()];
    let acs = fixture.acs.connection_string();
    Some(Service::start_under(&strace, fixture, &[("COMMUNICATION_SERVICES_CONNECTION_STRING", &acs)]).await)
}

#[tokio::test]
async fn power_loss_after_an_answer_takes_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let (fixture, trace) = (fixture().await, folder.path().join("trace"));
    let Some(mut service) = traced(&fixture, &trace).await else { return };
    let (alice, bob) = (fixture.sign_in(ALICE).await, fixture.sign_in("bob").await);
    let (id, _) = service.token(&alice).await;
    service.token(&bob).await;
    service.call(&bob, DELETE).await;
    service.kill().await;
    let mut calls = String::new();
    until("the end of the trace", async || {
        calls = fs::read_to_string(&trace).unwrap();
        calls.contains("+++ killed by SIGKILL +++")
    })
    .await;

    let disk = Disk::replay(&calls);
    assert!(calls.contains(".json"), "the trace is empty");
    for file in &disk.lost {
        fs::remove_file(file).unwrap();
    }
    let service = fixture.service().await;
    assert_eq!(service.token(&alice).await.0, id);
    assert_eq!(fixture.only_identity().await, id);
    assert_eq!(fixture.store.files().len(), 3, "two records and the lock: {:?}", fixture.store.files());
}

#[test]
fn disk_keeps_what_was_synced() {
    let (link, rename) = (r#"1 link("/d/a#1", "/d/a") = 0"#, r#"1 rename("/d/a#1", "/d/a") = 0"#);
    let (file, entry) = ("1 fsync(9</d/a#1>) = 0", "1 fsync(8</d>) = 0");
    let interrupted = "1 fsync(8</d> <unfinished ...>\n2 fsync(7</e>) = 0\n1 <... fsync resumed>) = 0";
    for (calls, lost) in [
        (vec![file, link, entry], false),
        (vec![file, rename, interrupted], false),
        (vec![file, link], true),
        (vec![link, entry], true),
        (vec![entry, file, link], true),
        (vec![file, link, entry, rename], true),
        (vec![file, link, "1 fsync(8</d>) = -1 EIO (Input/output error)"], true),
    ] {
        let disk = Disk::replay(&calls.join("\n"));
        assert_eq!(disk.lost.contains(Path::new("/d/a")), lost, "{calls:?}");
    }
}
