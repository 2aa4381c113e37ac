//! The cluster's objects as text for people.

use comfy_table::{ContentArrangement, Table, presets};
use vesta_client::proto::{Application, Driver, Executor, Master, Worker};
use vesta_types::Timestamp;

use crate::output::plain;
use crate::units::show_memory;

/// A table with a heading line and no frame: it reads well and can be searched by line.
fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heading);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    let padding = |line: &str| line.trim_end().to_owned();
    table
        .lines()
        .map(|line| padding(&line))
        .collect::<Vec<_>>()
        .join("\n")
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

/// The drivers.
pub fn drivers(drivers: &[Driver]) -> String {
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
    table(heading, drivers.iter().map(row).collect())
}

/// The applications.
pub fn applications(applications: &[Application]) -> String {
    let row = |app: &Application| {
        let target = app
            .executor_target
            .map_or_else(|| "-".to_owned(), |target| target.to_string());
        [
            app.id.clone(),
            app.name.clone(),
            app.state.clone(),
            format!("{}/{target}", app.live_executors),
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
    table(heading, applications.iter().map(row).collect())
}

/// The workers.
pub fn workers(workers: &[Worker]) -> String {
    let row = |worker: &Worker| {
        [
            worker.id.clone(),
            worker.state.clone(),
            format!("{}:{}", worker.host, worker.port),
            format!("{}/{}", worker.cores_used, worker.cores),
            format!(
                "{}/{}",
                show_memory(worker.memory_used_mib),
                show_memory(worker.memory_mib)
            ),
            worker.drivers.to_string(),
            worker.executors.to_string(),
            worker.last_heard_ms.map_or_else(
                || "-".to_owned(),
                |ms| format!("{:.1} s ago", ms as f64 / 1000.0),
            ),
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
    table(heading, workers.iter().map(row).collect())
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

/// The masters.
pub fn masters(masters: &[Master]) -> String {
    let row = |master: &Master| {
        [
            master.node_id.to_string(),
            master.status.clone(),
            if master.leader {
                "leader".to_owned()
            } else {
                String::new()
            },
            master.client_address.clone(),
            master.raft_address.clone(),
            if master.voter {
                "yes".to_owned()
            } else {
                "no".to_owned()
            },
            master.term.to_string(),
            master.epoch.to_string(),
            master.applied_index.to_string(),
        ]
    };
    let heading = [
        "NODE", "STATUS", "", "CLIENTS", "RAFT", "VOTER", "TERM", "EPOCH", "APPLIED",
    ];
    table(heading, masters.iter().map(row).collect())
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

/// One application with its executors.
pub fn application(app: &Application) -> String {
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
        format!("{text}\n\n{}", executors(&app.executors))
    }
}

fn executors(executors: &[Executor]) -> String {
    let row = |executor: &Executor| {
        [
            executor.number.to_string(),
            executor.state.clone(),
            executor.worker_id.clone(),
            executor.cores.to_string(),
            show_memory(executor.memory_mib),
            executor
                .exit_code
                .map_or_else(|| "-".to_owned(), |code| code.to_string()),
            executor.message.clone(),
        ]
    };
    let heading = [
        "EXECUTOR", "STATE", "WORKER", "CORES", "MEMORY", "EXIT", "MESSAGE",
    ];
    table(heading, executors.iter().map(row).collect())
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
        let text = drivers(&[driver]);
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
        assert!(drivers(&[waiting]).contains("the largest free is 2"));
    }
}
