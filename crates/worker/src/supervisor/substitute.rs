//! Spark's `{{…}}` variables in a launch.

use std::path::PathBuf;

use vesta_types::Work;

use crate::store::InstanceOrder;

/// What each variable stands for, for one instance.
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// The variables of a driver, or of an executor.
    pub(super) fn new(order: &InstanceOrder, artifacts: &[PathBuf]) -> Variables {
        let run = &order.run;
        let mut variables = vec![("{{WORKER_URL}}", worker_url(order))];
        match &run.instance.work {
            Work::Driver { .. } => {
                let jar = artifacts.first().map(|path| path.display().to_string());
                variables.extend(jar.map(|jar| ("{{USER_JAR}}", jar)));
            }
            Work::Executor { app, number } => variables.extend([
                ("{{EXECUTOR_ID}}", number.to_string()),
                ("{{HOSTNAME}}", order.host.clone()),
                ("{{CORES}}", run.booking.cores.to_string()),
                ("{{APP_ID}}", app.to_string()),
                ("{{RESOURCE_PROFILE_ID}}", run.profile.to_string()),
            ]),
        }
        let own = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let ports = run.launch.ports_of(&run.booking).into_iter();
        let ports = ports.map(|(name, port)| (format!("{{{{PORT:{name}}}}}"), port.to_owned()));
        Variables(own.chain(ports).collect())
    }

    /// `text` with every variable replaced once; what it is replaced by is not looked at again, and a
    /// name that is not known stays as it is.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            result.push_str(&rest[..at]);
            rest = &rest[at..];
            let known = self
                .0
                .iter()
                .find(|(name, _)| rest.starts_with(name.as_str()));
            let (taken, value) =
                known.map_or((1, "{"), |(name, value)| (name.len(), value.as_str()));
            result.push_str(value);
            rest = &rest[taken..];
        }
        result + rest
    }
}

/// The worker's address in the form in which Spark's processes are told it.
fn worker_url(order: &InstanceOrder) -> String {
    format!("vesta://{}:{}", order.host, order.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_is_replaced_and_what_it_stands_for_is_not_read_again() {
        let variables = Variables(vec![
            ("{{A}}".to_owned(), "{{B}}".to_owned()),
            ("{{B}}".to_owned(), "b".to_owned()),
        ]);
        assert_eq!(
            variables.apply("x{{A}}{{B}}{{C}}{{{B}}}"),
            "x{{B}}b{{C}}{b}"
        );
        assert_eq!(variables.apply("{{A"), "{{A");
        assert_eq!(variables.apply("ü{{B}}ü{"), "übü{");
    }
}
