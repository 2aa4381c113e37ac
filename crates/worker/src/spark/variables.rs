//! Spark's `{{…}}` in Spark's own commands.

use super::command::Kind;

/// The address of a worker that is no Spark worker. Spark's programs that are told one end as soon as a
/// connection to it is lost, which an agent's restart must never do to them: nobody can ever listen on port
/// 0, so no connection comes about, and they go on without.
pub(super) const NO_WORKER: &str = "spark://Worker@127.0.0.1:0";

/// As Spark replaces them: a whole argument, or nothing.
pub(super) fn argument(argument: &str, kind: &Kind<'_>, host: &str, cores: u32) -> String {
    let known = match (argument, kind) {
        ("{{WORKER_URL}}", _) => Some(NO_WORKER.to_owned()),
        ("{{USER_JAR}}", Kind::Driver { user_jar }) => {
            user_jar.map(|path| path.display().to_string())
        }
        ("{{EXECUTOR_ID}}", Kind::Executor { number, .. }) => Some(number.to_string()),
        ("{{HOSTNAME}}", Kind::Executor { .. }) => Some(host.to_owned()),
        ("{{CORES}}", Kind::Executor { .. }) => Some(cores.to_string()),
        ("{{APP_ID}}", Kind::Executor { app, .. }) => Some((*app).to_owned()),
        ("{{RESOURCE_PROFILE_ID}}", Kind::Executor { profile, .. }) => Some(profile.to_string()),
        _ => None,
    };
    known.unwrap_or_else(|| argument.to_owned())
}

/// In the options of an executor's JVM, and only there, Spark replaces two of them anywhere.
pub(super) fn java_option(option: &str, kind: &Kind<'_>) -> String {
    match kind {
        Kind::Executor { app, number, .. } => option
            .replace("{{APP_ID}}", app)
            .replace("{{EXECUTOR_ID}}", &number.to_string()),
        Kind::Driver { .. } => option.to_owned(),
    }
}
