//! `vesta failover show`: what each election cost, and what became of everything.

use clap::{Args, Subcommand};
use vesta_client::proto::{Failover, ListRequest};

use crate::connection::{Connection, Reading};
use crate::exit::{EXIT_CODES, Failure};
use crate::output::{self, plain};
use crate::show;
use crate::units;

/// Reports of fail-overs.
#[derive(Args, Clone, Debug)]
pub struct FailoverCommand {
    #[command(subcommand)]
    pub command: Action,
}

/// What to do with them.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Show the last fail-overs: how long each phase took, and what became of each object and why.
    Show(Show),
}

/// Which ones to show.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Show {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub reading: Reading,
    /// How many, the newest first.
    #[arg(long, value_name = "N", default_value = "1", value_parser = units::some, allow_hyphen_values = true)]
    pub last: u32,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(
    FailoverCommand {
        command: Action::Show(args),
    }: FailoverCommand,
) -> Result<(), Failure> {
    let client = args.connection.client();
    let consistent = args.reading.consistent;
    let request = ListRequest {
        consistent,
        limit: args.last,
        ..ListRequest::default()
    };
    let reply = client.list_failovers(request).await?;
    output::warn_if_stale(reply.read.as_ref());
    if args.reading.json {
        return output::json(&reply);
    }
    if reply.failovers.is_empty() {
        return output::line("no master has been elected yet");
    }
    let reports: Vec<String> = reply.failovers.iter().map(report).collect();
    output::line(&reports.join("\n\n"))
}

/// One report as text.
fn report(failover: &Failover) -> String {
    let recovery = failover
        .recovery_ms
        .map_or_else(|| "it goes on".to_owned(), |ms| format!("{ms} ms"));
    let mut lines = vec![
        format!(
            "epoch {}: node {} leads, elected in term {}, since {}",
            failover.epoch,
            failover.leader,
            failover.term,
            show::time(failover.started_ms)
        ),
        format!(
            "  no leader for  {} ms, as the new one saw it",
            failover.election_ms
        ),
        format!("  recovery       {recovery}"),
        format!("  outcome        {}", outcome(failover)),
    ];
    for object in &failover.objects {
        let line = format!(
            "  +{:>6} ms  {:<11} {}  {}",
            object.after_ms, object.outcome, object.id, object.why
        );
        lines.push(plain(line.trim_end()));
    }
    if failover.objects_not_named > 0 {
        lines.push(format!(
            "  and {} more that are not named",
            failover.objects_not_named
        ));
    }
    lines.join("\n")
}

fn outcome(failover: &Failover) -> String {
    let counts = [
        (failover.confirmed, "confirmed"),
        (failover.started, "started"),
        (failover.lost, "lost"),
        (failover.relaunched, "relaunched"),
        (failover.stopped, "stopped"),
    ];
    let counts = counts.map(|(count, what)| format!("{count} {what}"));
    format!(
        "{}, {} executors killed",
        counts.join(", "),
        failover.executors_killed
    )
}

#[cfg(test)]
mod tests {
    use vesta_client::proto::FailoverObject;

    use super::*;

    #[test]
    fn a_report_names_each_phase_and_each_object_with_its_reason() {
        let text = report(&Failover {
            epoch: 4,
            leader: 2,
            election_ms: 812,
            recovery_ms: None,
            lost: 1,
            objects: vec![FailoverObject {
                id: "worker-1".into(),
                outcome: "LOST".into(),
                why: "nothing came from it for 60 s".into(),
                after_ms: 60_000,
            }],
            objects_not_named: 3,
            ..Failover::default()
        });
        let said = [
            "epoch 4: node 2",
            "812 ms",
            "it goes on",
            "1 lost",
            "worker-1",
            "nothing came",
            "3 more",
        ];
        for words in said {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
