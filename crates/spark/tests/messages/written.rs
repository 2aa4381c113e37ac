//! What a master says is byte for byte what Spark's own says.

use vesta_javaser::{Limits, Stream, View, scala};
use vesta_spark::message::*;
use vesta_types::Dialect;

use crate::fixtures::{self, VERSIONS, load, profile, release};
use crate::plain::plain_stream;

/// A captured message, of which the plain values are taken.
struct Captured {
    version: &'static str,
    bytes: Vec<u8>,
    stream: Stream,
}

impl Captured {
    /// The message of this name in all versions that have it.
    fn all(name: &str) -> Vec<Self> {
        let each = VERSIONS.into_iter().flat_map(|version| {
            let mut names = fixtures::names(version);
            names.retain(|known| known == name);
            names.into_iter().map(move |name| Self::new(version, &name))
        });
        let all: Vec<_> = each.collect();
        assert!(!all.is_empty(), "{name}");
        all
    }

    fn new(version: &'static str, name: &str) -> Self {
        let bytes = load(version, name).stream;
        let stream = Stream::read(&bytes, &Limits::default()).unwrap();
        Self {
            version,
            bytes,
            stream,
        }
    }

    fn message(&self) -> View<'_> {
        self.stream.value().unwrap()
    }

    fn text(&self, field: &str) -> String {
        let text = self.message().get(field, View::text).unwrap();
        text.into_owned()
    }

    fn int(&self, field: &str) -> u32 {
        let int = self.message().get(field, View::int).unwrap();
        int.try_into().unwrap()
    }

    fn flag(&self, field: &str) -> bool {
        self.message().get(field, View::bool).unwrap()
    }

    fn option(&self, field: &str) -> Option<View<'_>> {
        scala::option(self.message().field(field).unwrap()).unwrap()
    }

    fn optional_text(&self, field: &str) -> Option<String> {
        let text = self.option(field)?.text().unwrap();
        Some(text.into_owned())
    }

    /// The address in a reference.
    fn master(&self) -> Option<RpcAddress> {
        let reference = self.message().field("master").unwrap().non_null()?;
        let endpoint = reference.field("endpointAddress").unwrap();
        Some(address(endpoint.field("rpcAddress").unwrap()))
    }

    #[track_caller]
    fn is(&self, message: &impl ToPeer) {
        let written = message.write(&profile(self.version)).unwrap();
        assert_eq!(plain_stream(&written), plain_stream(&self.bytes));
        assert!(written == self.bytes, "{}", self.version);
    }

    /// Of a message with a state. Scala 2.12 writes the whole enumeration into each of its values, a master an empty
    /// one, which the reader replaces by its own all the same.
    #[track_caller]
    fn is_with_state(&self, message: &impl ToPeer) {
        if release(self.version).dialect == Dialect::Scala213 {
            return self.is(message);
        }
        let written = message.write(&profile(self.version)).unwrap();
        assert_eq!(plain_stream(&written), plain_stream(&self.bytes));
    }
}

fn address(view: View<'_>) -> RpcAddress {
    RpcAddress {
        host: view.get("host", View::text).unwrap().into_owned(),
        port: view.get("port", View::int).unwrap().try_into().unwrap(),
    }
}

#[test]
fn a_worker_is_registered_refused_or_sent_on() {
    for captured in Captured::all("RegisteredWorker") {
        let message = captured.message();
        captured.is(&RegisteredWorker {
            master: &captured.master().unwrap(),
            master_web_ui_url: &captured.text("masterWebUiUrl"),
            master_address: &address(message.field("masterAddress").unwrap()),
            duplicate: captured.flag("duplicate"),
        });
    }
    for captured in Captured::all("RegisterWorkerFailed") {
        let message = &captured.text("message");
        captured.is(&RegisterWorkerFailed { message });
    }
    for captured in Captured::all("MasterInStandby") {
        captured.is(&MasterInStandby);
    }
    for captured in Captured::all("ReconnectWorker") {
        let master_url = &captured.text("masterUrl");
        captured.is(&ReconnectWorker { master_url });
    }
    for captured in Captured::all("DecommissionWorker") {
        captured.is(&DecommissionWorker);
    }
}

#[test]
fn executors_and_drivers_are_killed_and_ended_applications_cleaned_up() {
    for captured in Captured::all("KillExecutor") {
        captured.is(&KillExecutor {
            master_url: &captured.text("masterUrl"),
            app_id: &captured.text("appId"),
            exec_id: captured.int("execId"),
        });
    }
    for captured in Captured::all("KillDriver") {
        let driver_id = &captured.text("driverId");
        captured.is(&KillDriver { driver_id });
    }
    for captured in Captured::all("ApplicationFinished") {
        captured.is(&ApplicationFinished {
            id: &captured.text("id"),
        });
    }
}

#[test]
fn an_application_is_told_of_itself_its_executors_and_lost_workers() {
    for captured in Captured::all("RegisteredApplication") {
        captured.is(&RegisteredApplication {
            app_id: &captured.text("appId"),
            master: &captured.master().unwrap(),
        });
    }
    for captured in Captured::all("ExecutorAdded") {
        let host_port = captured.text("hostPort");
        let (host, port) = host_port.rsplit_once(':').unwrap();
        captured.is(&ExecutorAdded {
            id: captured.int("id"),
            worker_id: &captured.text("workerId"),
            worker: &RpcAddress {
                host: host.to_owned(),
                port: port.parse().unwrap(),
            },
            cores: captured.int("cores"),
            memory_mib: captured.int("memory").into(),
        });
    }
    for captured in Captured::all("WorkerRemoved") {
        captured.is(&WorkerRemoved {
            id: &captured.text("id"),
            host: &captured.text("host"),
            message: &captured.text("message"),
        });
    }
    for captured in Captured::all("ApplicationRemoved") {
        let message = &captured.text("message");
        captured.is(&ApplicationRemoved { message });
    }
}

#[test]
fn an_application_is_told_how_its_executors_do() {
    for (name, state) in [
        ("RUNNING", ExecutorState::Running),
        ("EXITED", ExecutorState::Exited),
        ("LOST", ExecutorState::Lost),
        ("DECOMMISSIONED", ExecutorState::Decommissioned),
    ] {
        for captured in Captured::all(&format!("ExecutorUpdated-{name}")) {
            let exit = captured.option("exitStatus");
            captured.is_with_state(&ExecutorUpdated {
                id: captured.int("id"),
                state,
                message: captured.optional_text("message").as_deref(),
                exit_status: exit.map(|exit| exit.int().unwrap()),
                worker_host: captured.optional_text("workerHost").as_deref(),
            });
            assert_eq!(state.to_string(), name);
        }
    }
}

#[test]
fn a_new_leader_makes_itself_known() {
    for captured in Captured::all("MasterChanged") {
        captured.is(&MasterChanged {
            master: &captured.master().unwrap(),
            master_web_ui_url: &captured.text("masterWebUiUrl"),
        });
    }
}

#[test]
fn submission_clients_are_answered() {
    for name in ["ok", "refused-nullmaster"] {
        for captured in Captured::all(&format!("SubmitDriverResponse-{name}")) {
            assert_eq!(captured.master().is_some(), name == "ok");
            captured.is(&SubmitDriverResponse {
                master: captured.master().as_ref(),
                success: captured.flag("success"),
                driver_id: captured.optional_text("driverId").as_deref(),
                message: &captured.text("message"),
            });
        }
    }
    for name in ["ok", "refused"] {
        for captured in Captured::all(&format!("KillDriverResponse-{name}")) {
            captured.is(&KillDriverResponse {
                master: captured.master().as_ref(),
                driver_id: &captured.text("driverId"),
                success: captured.flag("success"),
                message: &captured.text("message"),
            });
        }
    }
}

#[test]
fn the_state_of_a_driver_is_answered() {
    for captured in Captured::all("DriverStatusResponse-found") {
        captured.is_with_state(&DriverStatusResponse {
            found: true,
            state: Some(DriverState::Running),
            worker_id: captured.optional_text("workerId").as_deref(),
            worker_host_port: captured.optional_text("workerHostPort").as_deref(),
            exception: None,
        });
    }
    for captured in Captured::all("DriverStatusResponse-notfound") {
        captured.is(&DriverStatusResponse::default());
    }
}

#[test]
fn a_driver_that_failed_is_answered_with_an_exception_that_every_jvm_knows() {
    for version in VERSIONS {
        let response = DriverStatusResponse {
            exception: Some("it was not there"),
            ..DriverStatusResponse::default()
        };
        let written = response.write(&profile(version)).unwrap();
        let stream = Stream::read(&written, &Limits::default()).unwrap();
        let exception = stream.value().unwrap().field("exception").unwrap();
        let exception = scala::option(exception).unwrap().unwrap();
        assert!(exception.is_a("java.lang.Exception"));
        let message = exception.get("detailMessage", View::text).unwrap();
        assert_eq!(message, "it was not there");
    }
}

#[test]
fn questions_are_answered_yes_and_no() {
    for (name, answer) in [("true", true), ("false", false)] {
        for captured in Captured::all(&format!("Reply-Boolean-{name}")) {
            captured.is(&Answer(answer));
        }
    }
}

#[test]
fn a_message_that_a_release_does_not_have_is_not_written_for_it() {
    let response = KillAllDriversResponse {
        master: None,
        success: false,
        message: "",
    };
    for version in ["4.0.1", "4.3.0"] {
        let written = response.write(&profile(version)).unwrap();
        let stream = Stream::read(&written, &Limits::default()).unwrap();
        assert!(!stream.value().unwrap().get("success", View::bool).unwrap());
    }
    let error = response.write(&profile("3.5.6")).unwrap_err();
    assert!(error.to_string().contains("KillAllDriversResponse"));
}

#[test]
fn a_number_that_java_has_no_room_for_is_refused() {
    let kill = KillExecutor {
        master_url: "",
        app_id: "",
        exec_id: 1 << 31,
    };
    let error = kill.write(&profile("4.0.1")).unwrap_err().to_string();
    assert!(error.contains("2147483648"), "{error}");
}
