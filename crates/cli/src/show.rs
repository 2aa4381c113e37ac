//! The cluster's objects as text for people.

use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{Table, presets};
use vesta_client::proto::{Application, Driver, Executor, Master, Worker};
use vesta_types::Timestamp;

use crate::output::plain;
use crate::units::show_memory;

/// What stands before the second line of a row.
const INDENT: &str = "     ";

/// The narrowest that a column may become which gives way to the others, in characters.
const FLEXIBLE_MIN: usize = 6;

/// A table with a heading line and no frame: it reads well and can be searched by line.
#[derive(Debug)]
struct Rows<const N: usize> {
    heading: [&'static str; N],
    cells: Vec<[String; N]>,
}

impl<const N: usize> Rows<N> {
    fn new(heading: [&'static str; N], cells: Vec<[String; N]>) -> Rows<N> {
        let plain_row = |row: [String; N]| row.map(|cell| plain(&cell));
        Rows {
            heading,
            cells: cells.into_iter().map(plain_row).collect(),
        }
    }

    /// Its lines, none of them wrapped: the heading, and one for each row.
    fn lines(&self) -> Vec<String> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(self.heading);
        table.add_rows(&self.cells);
        let line = |line: String| line.trim_end().to_owned();
        table.lines().map(line).collect()
    }

    /// The characters that column `at` takes.
    fn width(&self, at: usize) -> usize {
        let cells = self.cells.iter().map(|row| row[at].chars().count());
        cells.fold(self.heading[at].len(), usize::max)
    }

    /// Its lines in `width` characters: column `flexible` gives way, and the notes, one for each row,
    /// stand below it.
    fn lines_in(
        mut self,
        width: usize,
        flexible: Option<usize>,
        notes: Vec<String>,
    ) -> Vec<String> {
        if let Some(flexible) = flexible {
            // Each column has a space on either side.
            let others = (0..N).filter(|at| *at != flexible);
            let others: usize = others.map(|at| self.width(at) + 2).sum();
            let most = width.saturating_sub(others + 2).max(FLEXIBLE_MIN);
            for row in &mut self.cells {
                row[flexible] = cut(&row[flexible], most);
            }
        }
        let mut notes = notes.into_iter();
        let mut lines = Vec::new();
        for (number, line) in self.lines().into_iter().enumerate() {
            lines.push(line);
            let note = if number == 0 { None } else { notes.next() };
            if let Some(note) = note.filter(|note| !note.is_empty()) {
                lines.push(cut(&format!("{INDENT}{}", plain(&note)), width));
            }
        }
        lines
    }
}

/// `wide` if it fits into `width` characters (or nobody's terminal bounds it), else what `narrow` makes
/// of it: a wrapped table can't be read, and an id that is cut in two can't be copied.
fn fitting<const N: usize>(
    wide: &Rows<N>,
    width: Option<usize>,
    narrow: impl FnOnce(usize) -> Vec<String>,
) -> String {
    let lines = wide.lines();
    let widest = lines.iter().map(|line| line.chars().count()).max();
    match width {
        Some(width) if widest > Some(width) => narrow(width).join("\n"),
        _ => lines.join("\n"),
    }
}

/// The first `most` characters, the last of them `…` if that is not all.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// How long ago it was, in the largest unit that fits.
fn age(ms: u64) -> String {
    if ms == 0 {
        return "-".to_owned();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    let seconds = now.saturating_sub(ms / 1000);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A worker where there is little room: `host:port` if its id has Spark's form, which says when it was
/// made too.
fn short_worker(id: &str) -> String {
    let address = || {
        let (made, address) = id.strip_prefix("worker-")?.split_once('-')?;
        let (host, port) = address.rsplit_once('-')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if made.len() != 14 || !is_number(made) || !is_number(port) || host.is_empty() {
            return None;
        }
        // An id can't hold the dots of an address.
        let dotted = host.replace('-', ".");
        let host = match dotted.parse::<Ipv4Addr>() {
            Ok(_) => dotted,
            Err(_) => host.to_owned(),
        };
        Some(format!("{host}:{port}"))
    };
    address().unwrap_or_else(|| or_dash(id))
}

/// A time, or `-` for none.
pub fn time(ms: u64) -> String {
    if ms == 0 {
        "-".to_owned()
    } else {
        Timestamp(ms).to_string()
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// Why something waits, else how it ended, else nothing.
fn why(waiting_because: &str, message: &str) -> String {
    if waiting_because.is_empty() {
        message.to_owned()
    } else {
        waiting_because.to_owned()
    }
}

/// The drivers, in at most `width` characters if that is given.
pub fn drivers(drivers: &[Driver], width: Option<usize>) -> String {
    let row = |driver: &Driver| {
        [
            driver.id.clone(),
            driver.name.clone(),
            driver.state.clone(),
            driver.attempt.to_string(),
            or_dash(&driver.worker_id),
            driver.cores.to_string(),
            show_memory(driver.memory_mib),
            time(driver.submitted_ms),
            why(&driver.waiting_because, &driver.message),
        ]
    };
    let heading = [
        "DRIVER",
        "NAME",
        "STATE",
        "ATTEMPT",
        "WORKER",
        "CORES",
        "MEMORY",
        "SUBMITTED",
        "WHY",
    ];
    let wide = Rows::new(heading, drivers.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |driver: &Driver| {
            [
                driver.id.clone(),
                driver.name.clone(),
                driver.state.clone(),
                short_worker(&driver.worker_id),
                age(driver.submitted_ms),
            ]
        };
        let heading = ["DRIVER", "NAME", "STATE", "WORKER", "AGE"];
        let notes = drivers
            .iter()
            .map(|it| why(&it.waiting_because, &it.message));
        let rows = Rows::new(heading, drivers.iter().map(row).collect());
        rows.lines_in(width, Some(1), notes.collect())
    })
}

/// The applications, in at most `width` characters if that is given.
pub fn applications(applications: &[Application], width: Option<usize>) -> String {
    let executors = |app: &Application| {
        let target = app
            .executor_target
            .map_or_else(|| "-".to_owned(), |target| target.to_string());
        format!("{}/{target}", app.live_executors)
    };
    let row = |app: &Application| {
        [
            app.id.clone(),
            app.name.clone(),
            app.state.clone(),
            executors(app),
            app.cores.to_string(),
            or_dash(&app.driver_id),
            time(app.submitted_ms),
            why(&app.waiting_because, &app.message),
        ]
    };
    let heading = [
        "APPLICATION",
        "NAME",
        "STATE",
        "EXECUTORS",
        "CORES",
        "DRIVER",
        "SUBMITTED",
        "WHY",
    ];
    let wide = Rows::new(heading, applications.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |app: &Application| {
            [
                app.id.clone(),
                app.name.clone(),
                app.state.clone(),
                executors(app),
                app.cores.to_string(),
                age(app.submitted_ms),
            ]
        };
        let heading = ["APPLICATION", "NAME", "STATE", "EXECUTORS", "CORES", "AGE"];
        let notes = applications
            .iter()
            .map(|it| why(&it.waiting_because, &it.message));
        let rows = Rows::new(heading, applications.iter().map(row).collect());
        rows.lines_in(width, Some(1), notes.collect())
    })
}

/// The workers, in at most `width` characters if that is given.
pub fn workers(workers: &[Worker], width: Option<usize>) -> String {
    let cores = |worker: &Worker| format!("{}/{}", worker.cores_used, worker.cores);
    let memory = |worker: &Worker| {
        let used = show_memory(worker.memory_used_mib);
        format!("{used}/{}", show_memory(worker.memory_mib))
    };
    let heard = |worker: &Worker| {
        let ago = |ms| format!("{:.1} s ago", ms as f64 / 1000.0);
        worker.last_heard_ms.map_or_else(|| "-".to_owned(), ago)
    };
    let row = |worker: &Worker| {
        [
            worker.id.clone(),
            worker.state.clone(),
            format!("{}:{}", worker.host, worker.port),
            cores(worker),
            memory(worker),
            worker.drivers.to_string(),
            worker.executors.to_string(),
            heard(worker),
            worker_notes(worker),
        ]
    };
    let heading = [
        "WORKER",
        "STATE",
        "ADDRESS",
        "CORES",
        "MEMORY",
        "DRIVERS",
        "EXECUTORS",
        "HEARD",
        "NOTES",
    ];
    let wide = Rows::new(heading, workers.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |worker: &Worker| {
            [
                worker.id.clone(),
                worker.state.clone(),
                cores(worker),
                memory(worker),
                heard(worker),
            ]
        };
        let heading = ["WORKER", "STATE", "CORES", "MEMORY", "HEARD"];
        let notes = workers.iter().map(worker_notes).collect();
        Rows::new(heading, workers.iter().map(row).collect()).lines_in(width, None, notes)
    })
}

fn worker_notes(worker: &Worker) -> String {
    let mut notes = Vec::new();
    if worker.suspect {
        notes.push("its connection is broken".to_owned());
    }
    let counts = [
        (worker.stopping, "to be stopped"),
        (worker.quarantined, "that the state can't explain"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        notes.push(format!("{count} {what}"));
    }
    if worker.stale_orders_refused > 0 {
        notes.push(format!(
            "{} stale orders refused",
            worker.stale_orders_refused
        ));
    }
    notes.join(", ")
}

/// The masters, in at most `width` characters if that is given.
pub fn masters(masters: &[Master], width: Option<usize>) -> String {
    // Of one that did not answer nothing is known but what the others have of it.
    let if_known = |master: &Master, number: u64| match master.status.as_str() {
        "UNREACHABLE" => "-".to_owned(),
        _ => number.to_string(),
    };
    let leads = |master: &Master| if master.leader { "leader" } else { "" }.to_owned();
    let row = |master: &Master| {
        [
            master.node_id.to_string(),
            master.status.clone(),
            leads(master),
            master.client_address.clone(),
            master.raft_address.clone(),
            if master.voter { "yes" } else { "no" }.to_owned(),
            if_known(master, master.term),
            if_known(master, master.epoch),
            if_known(master, master.applied_index),
        ]
    };
    let heading = [
        "NODE", "STATUS", "", "CLIENTS", "RAFT", "VOTER", "TERM", "EPOCH", "APPLIED",
    ];
    let wide = Rows::new(heading, masters.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |master: &Master| {
            [
                master.node_id.to_string(),
                master.status.clone(),
                leads(master),
                master.client_address.clone(),
                if_known(master, master.term),
                if_known(master, master.epoch),
                if_known(master, master.applied_index),
            ]
        };
        let heading = ["NODE", "STATUS", "", "CLIENTS", "TERM", "EPOCH", "APPLIED"];
        Rows::new(heading, masters.iter().map(row).collect()).lines_in(width, None, vec![])
    })
}

/// Names and values, one under the other; those without a value are left out.
fn facts(facts: &[(&str, String)]) -> String {
    let known = facts.iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(name, value)| format!("{name:<13}{}", plain(value)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// One driver.
pub fn driver(driver: &Driver) -> String {
    let exit = driver
        .exit_code
        .map_or_else(String::new, |code| code.to_string());
    let restart = match driver.restart {
        0 => String::new(),
        restart => format!(", restart {restart}"),
    };
    let flags = [
        (driver.supervise, "supervised"),
        (driver.kill_requested, "its end was asked for"),
    ];
    let flags: Vec<&str> = flags
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, flag)| flag)
        .collect();
    facts(&[
        ("driver", driver.id.clone()),
        ("name", driver.name.clone()),
        ("state", driver.state.clone()),
        ("waits", driver.waiting_because.clone()),
        ("message", driver.message.clone()),
        ("exit code", exit),
        ("command", driver.command.clone()),
        ("cores", driver.cores.to_string()),
        ("memory", show_memory(driver.memory_mib)),
        ("worker", driver.worker_id.clone()),
        ("attempt", format!("{}{restart}", driver.attempt)),
        (
            "pid",
            if driver.pid == 0 {
                String::new()
            } else {
                driver.pid.to_string()
            },
        ),
        ("", flags.join(", ")),
        ("applications", driver.applications.join(", ")),
        ("submitted", time(driver.submitted_ms)),
        ("started", time(driver.started_ms)),
        ("ended", time(driver.ended_ms)),
    ])
}

/// One application with its executors, these in at most `width` characters if that is given.
pub fn application(app: &Application, width: Option<usize>) -> String {
    let limit = app
        .max_cores
        .map_or_else(String::new, |max| format!(" of at most {max}"));
    let target = app
        .executor_target
        .map_or_else(String::new, |target| format!(" of {target}"));
    let size = match app.executor_cores {
        0 => "all cores of a worker".to_owned(),
        1 => "1 core".to_owned(),
        cores => format!("{cores} cores"),
    };
    let text = facts(&[
        ("application", app.id.clone()),
        ("name", app.name.clone()),
        ("state", app.state.clone()),
        ("waits", app.waiting_because.clone()),
        ("message", app.message.clone()),
        ("driver", app.driver_id.clone()),
        (
            "executors",
            format!(
                "{}{target}, {} ended",
                app.live_executors, app.ended_executors
            ),
        ),
        (
            "each",
            format!("{size}, {}", show_memory(app.executor_memory_mib)),
        ),
        ("cores", format!("{}{limit}", app.cores)),
        ("retries", app.retries.to_string()),
        ("ui", app.ui_url.clone()),
        ("submitted", time(app.submitted_ms)),
        ("ended", time(app.ended_ms)),
    ]);
    if app.executors.is_empty() {
        text
    } else {
        format!("{text}\n\n{}", executors(&app.executors, width))
    }
}

fn executors(executors: &[Executor], width: Option<usize>) -> String {
    let exit = |executor: &Executor| {
        let code = executor.exit_code;
        code.map_or_else(|| "-".to_owned(), |code| code.to_string())
    };
    let row = |executor: &Executor| {
        [
            executor.number.to_string(),
            executor.state.clone(),
            executor.worker_id.clone(),
            executor.cores.to_string(),
            show_memory(executor.memory_mib),
            exit(executor),
            executor.message.clone(),
        ]
    };
    let heading = [
        "EXECUTOR", "STATE", "WORKER", "CORES", "MEMORY", "EXIT", "MESSAGE",
    ];
    let wide = Rows::new(heading, executors.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |executor: &Executor| {
            [
                executor.number.to_string(),
                executor.state.clone(),
                short_worker(&executor.worker_id),
                executor.cores.to_string(),
                show_memory(executor.memory_mib),
                exit(executor),
                executor.message.clone(),
            ]
        };
        let heading = [
            "EXECUTOR", "STATE", "WORKER", "CORES", "MEMORY", "EXIT", "MESSAGE",
        ];
        let rows = Rows::new(heading, executors.iter().map(row).collect());
        rows.lines_in(width, Some(6), vec![])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_control_characters_stays_in_its_line() {
        let driver = Driver {
            name: "a\nb\u{1b}[2J".into(),
            ..Driver::default()
        };
        let text = drivers(&[driver], None);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_a_driver_waits_for_is_shown() {
        let waiting = Driver {
            id: "driver-20261121110000-0000".into(),
            state: "SUBMITTED".into(),
            waiting_because: "needs 4 cores on one worker, the largest free is 2".into(),
            ..Driver::default()
        };
        assert!(driver(&waiting).contains("waits        needs 4 cores on one worker"));
        assert!(drivers(&[waiting], None).contains("the largest free is 2"));
    }

    #[test]
    fn on_a_narrow_terminal_ids_stay_whole_and_the_reason_has_a_line_of_its_own() {
        let driver = Driver {
            id: "driver-20261121110000-0000".into(),
            name: "a name that is much longer than there is room for".into(),
            state: "SUBMITTED".into(),
            worker_id: "worker-20261121110000-127-0-0-1-7710".into(),
            waiting_because: "needs 4 cores on one worker, ".repeat(9),
            submitted_ms: 1,
            ..Driver::default()
        };
        let text = drivers(std::slice::from_ref(&driver), Some(80));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        for words in [driver.id.as_str(), "a name…", "127.0.0.1:7710", "SUBMITTED"] {
            let start = words.trim_end_matches('…');
            assert!(lines[1].contains(start), "{words}: {text}");
        }
        assert!(lines[1].contains('…') && lines[2].ends_with('…'), "{text}");
        assert!(lines[2].starts_with("     needs 4 cores"), "{text}");
        // Where nothing bounds a line, nothing is left out.
        let whole = drivers(&[driver], None);
        assert!(
            whole.contains("worker-20261121110000-127-0-0-1-7710"),
            "{whole}"
        );
        assert!(!whole.contains('…'), "{whole}");
    }

    #[test]
    fn every_table_fits_into_80_columns() {
        let worker_id = "worker-20261121110000-127-0-0-1-7710";
        let worker = Worker {
            id: worker_id.into(),
            state: "UNKNOWN".into(),
            host: "127.0.0.1".into(),
            port: 7710,
            memory_mib: 1536,
            last_heard_ms: Some(1_200),
            suspect: true,
            ..Worker::default()
        };
        let app = Application {
            id: "app-20261121110000-0000".into(),
            name: "words".into(),
            state: "RUNNING".into(),
            driver_id: "driver-20261121110000-0000".into(),
            ..Application::default()
        };
        let master = Master {
            node_id: 3,
            status: "COMPLETING_RECOVERY".into(),
            leader: true,
            client_address: "127.0.0.1:7700".into(),
            raft_address: "127.0.0.1:7701".into(),
            ..Master::default()
        };
        let executor = Executor {
            worker_id: worker_id.into(),
            state: "RUNNING".into(),
            message: "exited with code 9 ".repeat(9),
            ..Executor::default()
        };
        for text in [
            workers(std::slice::from_ref(&worker), Some(80)),
            applications(&[app], Some(80)),
            masters(&[master], Some(80)),
            executors(&[executor], Some(80)),
        ] {
            let fits = text.lines().all(|line| line.chars().count() <= 80);
            assert!(fits, "{text}");
        }
        let text = workers(&[worker], Some(80));
        assert!(
            text.contains(worker_id) && text.contains("connection is broken"),
            "{text}"
        );
    }

    #[test]
    fn of_a_master_that_does_not_answer_no_number_is_made_up() {
        let dead = Master {
            node_id: 2,
            status: "UNREACHABLE".into(),
            ..Master::default()
        };
        let text = masters(&[dead], None);
        let row = text.lines().nth(1).unwrap();
        let last: Vec<_> = row.split_whitespace().rev().take(3).collect();
        assert_eq!(last, ["-", "-", "-"], "{text}");
    }

    #[test]
    fn a_worker_s_id_is_shortened_to_its_address_only_if_it_holds_one() {
        for (id, short) in [
            ("worker-20261121110000-127-0-0-1-7710", "127.0.0.1:7710"),
            ("worker-20261121110000-my-host-7710", "my-host:7710"),
            ("worker-1", "worker-1"),
            (
                "worker-20261121110000-host-x",
                "worker-20261121110000-host-x",
            ),
            ("", "-"),
        ] {
            assert_eq!(short_worker(id), short);
        }
    }
}
