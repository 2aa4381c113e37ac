//! An application.

use serde::Serialize;
use vesta_core::Application;
use vesta_types::Timestamp;

use super::{Requirement, date};

#[derive(Serialize)]
pub(super) struct ApplicationInfo<'a> {
    id: &'a str,
    starttime: u64,
    name: &'a str,
    cores: u32,
    user: &'a str,
    memoryperexecutor: u64,
    memoryperslave: u64,
    resourcesperexecutor: Vec<Requirement<'a>>,
    resourcesperslave: Vec<Requirement<'a>>,
    submitdate: String,
    state: String,
    duration: u64,
}

impl<'a> ApplicationInfo<'a> {
    pub(super) fn of(app: &'a Application, now: Timestamp) -> ApplicationInfo<'a> {
        let description = &app.description;
        // The default profile is the one that Spark shows.
        let profile = description.profiles.values().next();
        let profile = profile.map(|wanted| &wanted.profile);
        let memory = profile.map_or(0, |profile| profile.memory_mib);
        let named = || {
            let named = profile.into_iter().flat_map(|profile| &profile.named);
            let named = named.map(|(name, amount)| Requirement {
                name,
                amount: *amount,
            });
            named.collect()
        };
        let lived = app.ended.unwrap_or(now).since(app.submitted);
        ApplicationInfo {
            id: app.id.as_str(),
            starttime: app.submitted.0,
            name: &description.name,
            cores: app.cores_held(),
            user: description.spark.as_ref().map_or("", |spark| &spark.user),
            memoryperexecutor: memory,
            memoryperslave: memory,
            resourcesperexecutor: named(),
            resourcesperslave: named(),
            submitdate: date(app.submitted),
            state: app.state.to_string(),
            duration: u64::try_from(lived.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
