//! Power cuts: whatever was acknowledged before one is there after it.
//!
//! A process writes to a journal on a file system in an image file, and prints what is acknowledged. It is
//! stopped, the image is copied, and it is killed. The copy holds what a disk would hold after a cut: what the
//! file system never wrote is not in it. The next round goes on with the copy.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vesta_journal::{Journal, Vote};

use crate::common::{bytes, meta, record};
use crate::mounts::{own_mounts, run};

/// Tells the writing process where the journal is.
const WRITE_TO: &str = "VESTA_TEST_WRITE_TO";

/// When a round is cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// So many milliseconds after the process began: while the directory is made, or opened.
    Milliseconds(u64),
    /// After so many acknowledged syncs.
    Syncs(u64),
}

/// The rounds, each on what the one before has left.
const CUTS: [Cut; 15] = [
    Cut::Milliseconds(10),
    Cut::Milliseconds(20),
    Cut::Milliseconds(30),
    Cut::Syncs(1),
    Cut::Syncs(12),
    Cut::Milliseconds(15),
    Cut::Syncs(40),
    Cut::Milliseconds(25),
    Cut::Syncs(3),
    Cut::Syncs(90),
    Cut::Milliseconds(40),
    Cut::Syncs(25),
    Cut::Syncs(150),
    Cut::Milliseconds(60),
    Cut::Syncs(60),
];

/// Environment variable with the number of rounds, if there are to be more than these.
const ROUNDS: &str = "VESTA_POWER_CUTS";

/// As many rounds as are asked for: the ones above, then others like them, at moments that the round's
/// number draws.
fn cuts() -> Vec<Cut> {
    let wanted = std::env::var(ROUNDS).unwrap_or_else(|_| CUTS.len().to_string());
    let wanted = wanted.parse().expect("VESTA_POWER_CUTS is a number");
    let drawn = (0_u64..).map(|round| {
        let random = u64::from_le_bytes(bytes(round, 8).try_into().unwrap());
        match random % 4 {
            0 => Cut::Milliseconds(5 + (random >> 8) % 300),
            _ => Cut::Syncs(1 + (random >> 8) % 120),
        }
    });
    CUTS.into_iter().chain(drawn).take(wanted).collect()
}

/// Bound of one round.
const PATIENCE: Duration = Duration::from_secs(30);

/// The length of an entry: 100 bytes to 1 MiB, most of them short.
fn length(index: u64) -> usize {
    let draw = bytes(index, 8);
    let random = u64::from_le_bytes(draw.try_into().unwrap());
    match random % 16 {
        0 => 100_000 + (random >> 8) as usize % ((1 << 20) - 100_000 + 1),
        1..4 => 4_000 + (random >> 8) as usize % 96_000,
        _ => 100 + (random >> 8) as usize % 3_900,
    }
}

/// What was acknowledged before the cut.
#[derive(Debug, Default, Clone, Copy)]
struct Acknowledged {
    synced: u64,
    term: u64,
    snapshot: u64,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        // The test harness prints lines of its own in between.
        let mut words = line.split(' ');
        if let (Some(what), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
            match what {
                "synced" => self.synced = value,
                "voted" => self.term = value,
                "snapshot" => self.snapshot = value,
                _ => {}
            }
        }
    }
}

#[test]
fn acknowledged_entries_and_votes_survive_power_cuts() {
    let name = "power_cut::acknowledged_entries_and_votes_survive_power_cuts";
    let Some(folder) = own_mounts(name) else {
        return;
    };
    let mut image = folder.join("image-0");
    let file = fs::File::create(&image).unwrap();
    file.set_len(1 << 30).unwrap();
    run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
    let mut acknowledged = Acknowledged::default();
    for (round, cut) in cuts().into_iter().enumerate() {
        let started = Instant::now();
        let copy = folder.join(format!("image-{}", round + 1));
        {
            let disk = Disk::mount(&image, &folder.join(format!("disk-{round}")));
            write_and_cut(
                &disk.at.join("journal"),
                cut,
                &image,
                &copy,
                &mut acknowledged,
            );
        }
        fs::remove_file(&image).unwrap();
        image = copy;
        let disk = Disk::mount(&image, &folder.join(format!("disk-{round}-after")));
        check(&disk.at.join("journal"), &acknowledged, round);
        eprintln!(
            "round {round}, {cut:?}: {acknowledged:?}, nothing lost, {:?}",
            started.elapsed()
        );
    }
    let cuts = cuts().len();
    eprintln!(
        "{cuts} power cuts, 0 acknowledged entries, votes or snapshots lost: {acknowledged:?}"
    );
}

/// A mounted image. Our mount namespace ends with us, so nothing is left even when this is not dropped.
struct Disk {
    at: PathBuf,
}

impl Disk {
    fn mount(image: &Path, at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        // By itself the file system would commit every 5 s; so rarely, only syncs make anything durable, and
        // the copy is not taken in the middle of a commit.
        run(
            "mount",
            &[
                "-o",
                "loop,commit=300",
                image.to_str().unwrap(),
                at.to_str().unwrap(),
            ],
        );
        Self { at: at.to_owned() }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.at).status();
    }
}

struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the writer up to `cut`, and copies the image to `copy` at that moment.
fn write_and_cut(dir: &Path, cut: Cut, image: &Path, copy: &Path, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "power_cut::writer",
            "--exact",
            "--nocapture",
            "--include-ignored",
        ])
        .env(WRITE_TO, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut writer = Writer(child);
    let (lines, received) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    match cut {
        Cut::Milliseconds(after) => std::thread::sleep(Duration::from_millis(after)),
        Cut::Syncs(syncs) => {
            while seen < syncs {
                let left = deadline.saturating_duration_since(Instant::now());
                let line = received
                    .recv_timeout(left)
                    .expect("the writer stopped or hangs");
                seen += u64::from(line.starts_with("synced "));
                acknowledged.note(&line);
            }
        }
    }
    kill_process(pid, Signal::STOP).unwrap();
    while !is_stopped(writer.0.id()) {
        assert!(Instant::now() < deadline, "the writer does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
    run(
        "cp",
        &[
            "--sparse=always",
            image.to_str().unwrap(),
            copy.to_str().unwrap(),
        ],
    );
    writer.0.kill().unwrap();
    writer.0.wait().unwrap();
    reader.join().unwrap();
    // What it printed before it stopped is acknowledged too.
    for line in received.iter() {
        acknowledged.note(&line);
    }
}

fn is_stopped(pid: u32) -> bool {
    fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .all(|task| {
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('T'))
        })
}

fn check(dir: &Path, acknowledged: &Acknowledged, round: usize) {
    let journal = match Journal::open(dir) {
        Ok(journal) => journal,
        Err(error) => panic!("round {round}, {acknowledged:?}: {error}"),
    };
    let last = journal.last_index().unwrap_or(0);
    assert!(
        last >= acknowledged.synced,
        "round {round}: ends at {last}, {acknowledged:?}"
    );
    let snapshot = journal.snapshot().unwrap();
    let covered = snapshot.as_ref().map_or(0, |snapshot| snapshot.meta.index);
    assert!(
        covered >= acknowledged.snapshot,
        "round {round}: snapshot {covered}, {acknowledged:?}"
    );
    if let Some(snapshot) = snapshot {
        assert_eq!(snapshot.data, bytes(covered, 50_000), "round {round}");
    }
    let first = journal.first_index().unwrap_or(1);
    assert!(
        first <= covered + 1,
        "round {round}: log from {first}, snapshot {covered}"
    );
    for index in first..=last {
        let read = journal.read(index, index + 1).unwrap();
        assert!(
            read == [record(index, length(index))],
            "round {round}: index {index} changed"
        );
    }
    // The vote that was under way at the cut may be there as well.
    let term = journal.vote().map_or(0, |vote| vote.term);
    let possible = acknowledged.term..=acknowledged.term + 1;
    assert!(
        possible.contains(&term),
        "round {round}: vote of term {term}, {acknowledged:?}"
    );
}

/// The process that is cut off; run by the test above only.
#[test]
#[ignore = "it is a part of the test above"]
fn writer() {
    let Some(dir) = std::env::var_os(WRITE_TO) else {
        return;
    };
    let journal = Journal::open(Path::new(&dir)).unwrap();
    let mut term = journal.vote().map_or(0, |vote| vote.term);
    let mut next = journal.last_index().map_or(1, |last| last + 1);
    let mut out = std::io::stdout();
    let mut say = |what, value| {
        writeln!(out, "{what} {value}").unwrap();
        out.flush().unwrap();
    };
    say("\nwriting from", next);
    for step in 1_u64.. {
        let count = 1 + step % 4;
        let batch: Vec<_> = (next..next + count)
            .map(|index| record(index, length(index)))
            .collect();
        next += count;
        journal.append(&batch).unwrap();
        journal.sync().unwrap();
        say("synced", next - 1);
        journal.note_committed(next - 1).unwrap();
        if step % 10 == 0 {
            term += 1;
            journal
                .save_vote(Vote {
                    term,
                    node_id: 1,
                    committed: false,
                })
                .unwrap();
            say("voted", term);
        }
        if step % 25 == 0 {
            journal
                .save_snapshot(&meta(next - 1), &bytes(next - 1, 50_000))
                .unwrap();
            say("snapshot", next - 1);
            journal.purge_to(next - 20, b"marker".to_vec()).unwrap();
        }
    }
}
