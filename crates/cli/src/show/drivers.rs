//! Drivers.

use vesta_client::proto::Driver;

use super::table::{Rows, fitting};
use super::words::{addresses, age, amounts, facts, or_dash, ports, short_worker, time, why};
use crate::units::show_memory;

/// The drivers, in at most `width` characters if that is given.
pub fn drivers(drivers: &[Driver], width: Option<usize>) -> String {
    let row = |driver: &Driver| {
        [
            driver.id.clone(),
            driver.name.clone(),
            driver.state.clone(),
            attempt(driver),
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

/// One driver.
pub fn driver(driver: &Driver) -> String {
    let exit = driver
        .exit_code
        .map_or_else(String::new, |code| code.to_string());
    let flags = [
        (driver.supervise, "supervised"),
        (driver.lease_ms > 0, "to stop when its worker is cut off"),
        (driver.kill_requested, "its end was asked for"),
        (
            driver.worker_suspect,
            "the connection to its worker is broken",
        ),
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
        ("spark", driver.spark.clone()),
        ("cores", driver.cores.to_string()),
        ("memory", show_memory(driver.memory_mib)),
        ("resources", amounts(&driver.named)),
        ("addresses", addresses(&driver.addresses)),
        ("ports", ports(&driver.ports)),
        ("worker", driver.worker_id.clone()),
        ("attempt", attempt(driver)),
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

/// Its attempt, and how often its worker has restarted it in that: what keeps failing shows.
fn attempt(driver: &Driver) -> String {
    match driver.restart {
        0 => driver.attempt.to_string(),
        restart => format!("{} (restart {restart})", driver.attempt),
    }
}
