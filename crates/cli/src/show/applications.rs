//! Applications and their executors.

use vesta_client::proto::{Application, Executor, Profile};

use super::table::{Rows, fitting};
use super::words::{addresses, age, amounts, facts, or_dash, short_worker, time, why};
use crate::units::show_memory;

/// The applications, in at most `width` characters if that is given.
pub fn applications(applications: &[Application], width: Option<usize>) -> String {
    let executors = |app: &Application| {
        // Of all its profiles; one without a target has none.
        let targets = app.profiles.iter().map(|profile| profile.target);
        let target = targets.sum::<Option<u32>>();
        let target = target.map_or_else(|| "-".to_owned(), |target| target.to_string());
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

/// One application with its executors, these in at most `width` characters if that is given.
pub fn application(app: &Application, width: Option<usize>) -> String {
    let limit = app
        .max_cores
        .map_or_else(String::new, |max| format!(" of at most {max}"));
    let mut known = vec![
        ("application", app.id.clone()),
        ("name", app.name.clone()),
        ("state", app.state.clone()),
        ("waits", app.waiting_because.clone()),
        ("message", app.message.clone()),
        ("driver", app.driver_id.clone()),
        (
            "executors",
            format!("{}, {} ended", app.live_executors, app.ended_executors),
        ),
    ];
    let profiles = app.profiles.iter();
    let profiles = profiles.map(|it| (format!("profile {}", it.id), profile(it)));
    let profiles: Vec<_> = profiles.collect();
    known.extend(
        profiles
            .iter()
            .map(|(name, it)| (name.as_str(), it.clone())),
    );
    known.extend([
        ("cores", format!("{}{limit}", app.cores)),
        ("retries", app.retries.to_string()),
        ("spark", app.spark.clone()),
        ("user", app.user.clone()),
        ("ui", app.ui_url.clone()),
        ("submitted", time(app.submitted_ms)),
        ("ended", time(app.ended_ms)),
    ]);
    let text = facts(&known);
    if app.executors.is_empty() {
        text
    } else {
        format!("{text}\n\n{}", executors(&app.executors, width))
    }
}

/// How many executors a resource profile has, of how many, and what each is.
fn profile(profile: &Profile) -> String {
    let target = profile
        .target
        .map_or_else(String::new, |target| format!(" of {target}"));
    let size = match profile.cores {
        0 => "all cores of a worker".to_owned(),
        1 => "1 core".to_owned(),
        cores => format!("{cores} cores"),
    };
    let mut each = vec![size, show_memory(profile.memory_mib)];
    if !profile.named.is_empty() {
        each.push(amounts(&profile.named));
    }
    format!("{}{target}, each {}", profile.live, each.join(", "))
}

pub(super) fn executors(executors: &[Executor], width: Option<usize>) -> String {
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
            executor.profile.to_string(),
            or_dash(&addresses(&executor.addresses)),
            exit(executor),
            executor.message.clone(),
        ]
    };
    let heading = [
        "EXECUTOR",
        "STATE",
        "WORKER",
        "CORES",
        "MEMORY",
        "PROFILE",
        "ADDRESSES",
        "EXIT",
        "MESSAGE",
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
