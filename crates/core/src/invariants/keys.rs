//! A key has one object, an object one key, and a forgotten key can't be taken as new.
//!
//! Source: I2; failure D14. A remembered key below the floor would be forgotten without being refused.

use std::collections::BTreeSet;

use vesta_types::limits::KEYS_MAX;

use super::Broken;
use crate::reply::Answer;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let keys = &state.keys;
    broken.unless(keys.answered.len() <= KEYS_MAX, || {
        format!("{} keys", keys.answered.len())
    });
    if let Some((oldest, _)) = keys.answered.first_key_value() {
        broken.unless(oldest.time() >= keys.floor, || {
            format!("key {oldest} is remembered below the floor {}", keys.floor)
        });
    }
    let mut drivers = BTreeSet::new();
    let mut apps = BTreeSet::new();
    for (key, record) in &keys.answered {
        match &record.answer {
            Ok(Answer::Submitted { driver }) => {
                broken.unless(drivers.insert(driver), || format!("{driver} has two keys"));
                let own = state
                    .drivers
                    .get(driver)
                    .is_none_or(|driver| driver.key == *key);
                broken.unless(own, || format!("{driver} has another key than {key}"));
            }
            Ok(Answer::Registered { app }) => {
                broken.unless(apps.insert(app), || format!("{app} has two keys"));
                let own = state
                    .applications
                    .get(app)
                    .is_none_or(|app| app.key == *key);
                broken.unless(own, || format!("{app} has another key than {key}"));
            }
            Ok(Answer::Repeated(_)) => broken.0.push(format!("{key} remembers a repetition")),
            _ => {}
        }
    }
    for (id, driver) in &state.drivers {
        let answered = keys.answered.get(&driver.key).map(|record| &record.answer);
        let own = match answered {
            None => true,
            Some(Ok(Answer::Submitted { driver })) => driver == id,
            Some(_) => false,
        };
        broken.unless(own, || {
            format!("the key of {id} was answered with {answered:?}")
        });
    }
}
