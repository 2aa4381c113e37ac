//! Between the client conversation and Vesta's own types: a driver that is submitted.

use vesta_types::{Artifact, DriverDescription, ExecutorSize, Launch, OnDisconnect, SubmissionKey};

use crate::checks;
use crate::client;
use crate::error::ConvertError;

/// The key and the driver that a submission names, every limit checked.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn submitted_driver(
    request: client::SubmitDriverRequest,
) -> Result<(SubmissionKey, DriverDescription), ConvertError> {
    let key = checks::key(&request.key)?;
    let launch = request
        .launch
        .ok_or_else(|| ConvertError::missing("launch", "a program with its arguments"))?;
    let total_executor_cores = request
        .total_executor_cores
        .map(|cores| checks::cores("total_executor_cores", cores))
        .transpose()?;
    let executor = executor_size(request.executor_cores, request.executor_memory_mib)?;
    if let (Some(total), Some(size)) = (total_executor_cores, &executor)
        && total < size.cores
    {
        let wanted = format!("at least executor_cores, which is {}", size.cores);
        return Err(ConvertError::value("total_executor_cores", total, wanted));
    }
    let description = DriverDescription {
        name: checks::name(request.name)?,
        launch: checks::launch(
            launch.program,
            launch.args,
            launch.env,
            launch.artifacts,
            launch.spark,
        )?,
        cores: checks::cores("cores", request.cores)?,
        memory_mib: checks::memory_mib("memory_mib", request.memory_mib)?,
        supervise: request.supervise,
        conf: checks::configuration("conf", request.conf)?,
        executor,
        on_disconnect: on_disconnect(&request.on_disconnect)?,
        lease: None,
        total_executor_cores,
        named: checks::named("named", request.named)?,
    };
    Ok((key, description))
}

fn on_disconnect(text: &str) -> Result<Option<OnDisconnect>, ConvertError> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.parse().map(Some);
    parsed.map_err(|wanted: &str| ConvertError::text("on_disconnect", text, wanted))
}

fn executor_size(
    cores: Option<u32>,
    memory_mib: Option<u64>,
) -> Result<Option<ExecutorSize>, ConvertError> {
    match (cores, memory_mib) {
        (None, None) => Ok(None),
        (Some(cores), Some(memory_mib)) => Ok(Some(ExecutorSize {
            cores: checks::cores("executor_cores", cores)?,
            memory_mib: checks::memory_mib("executor_memory_mib", memory_mib)?,
        })),
        (Some(cores), None) => Err(ConvertError::missing(
            "executor_memory_mib",
            format!("the memory of an executor, beside executor_cores {cores}"),
        )),
        (None, Some(mib)) => Err(ConvertError::missing(
            "executor_cores",
            format!("the cores of an executor, beside executor_memory_mib {mib}"),
        )),
    }
}

/// The submission of `driver` under `key`.
pub fn submission(key: SubmissionKey, driver: DriverDescription) -> client::SubmitDriverRequest {
    client::SubmitDriverRequest {
        key: key.to_string(),
        name: driver.name,
        launch: Some(launch(driver.launch)),
        cores: driver.cores,
        memory_mib: driver.memory_mib,
        supervise: driver.supervise,
        conf: driver.conf.into_iter().collect(),
        executor_cores: driver.executor.as_ref().map(|size| size.cores),
        executor_memory_mib: driver.executor.as_ref().map(|size| size.memory_mib),
        total_executor_cores: driver.total_executor_cores,
        named: driver.named.into_iter().collect(),
        on_disconnect: driver
            .on_disconnect
            .map(|it| it.to_string())
            .unwrap_or_default(),
    }
}

fn launch(launch: Launch) -> client::Launch {
    client::Launch {
        program: launch.program,
        args: launch.args,
        env: launch.env.into_iter().collect(),
        artifacts: launch
            .artifacts
            .into_iter()
            .map(|Artifact { uri }| uri)
            .collect(),
        spark: launch.spark.as_deref().map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use vesta_types::limits::{
        ARGS_MAX, ARTIFACTS_MAX, CORES_MAX, LAUNCH_BYTES_MAX, MEMORY_MIB_MAX, NAME_BYTES_MAX,
    };

    use super::*;

    const KEY: &str = "019aa5c0-8d80-7000-8000-000000000001";

    fn description() -> DriverDescription {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        DriverDescription {
            name: "count words".into(),
            launch: Launch {
                program: "/bin/wc".into(),
                args: vec!["-w".into(), String::new()],
                env: BTreeMap::from([pair("EMPTY", ""), pair("A", "b=c")]),
                artifacts: vec![Artifact {
                    uri: "/a/x.jar".into(),
                }],
                spark: None,
            },
            cores: 2,
            memory_mib: 512,
            supervise: true,
            conf: BTreeMap::from([pair("spark.x", "1")]),
            executor: Some(ExecutorSize {
                cores: 3,
                memory_mib: 1024,
            }),
            on_disconnect: None,
            lease: None,
            total_executor_cores: Some(9),
            named: BTreeMap::from([("gpu".to_owned(), 2)]),
        }
    }

    fn request() -> client::SubmitDriverRequest {
        submission(KEY.parse().unwrap(), description())
    }

    /// What is said of the plain request after `spoil`.
    fn refused(spoil: impl FnOnce(&mut client::SubmitDriverRequest)) -> ConvertError {
        let mut request = request();
        spoil(&mut request);
        submitted_driver(request).unwrap_err()
    }

    fn with_launch(spoil: impl FnOnce(&mut client::Launch)) -> ConvertError {
        refused(|request| spoil(request.launch.as_mut().unwrap()))
    }

    #[test]
    fn a_description_comes_back_as_it_went_out() {
        assert_eq!(
            submitted_driver(request()),
            Ok((KEY.parse().unwrap(), description()))
        );
        let bare = DriverDescription {
            executor: None,
            total_executor_cores: None,
            ..description()
        };
        let wire = submission(KEY.parse().unwrap(), bare.clone());
        assert_eq!(submitted_driver(wire).unwrap().1, bare);
    }

    #[test]
    fn every_value_that_can_t_be_taken_is_refused_by_name() {
        let table = [
            (
                "key",
                refused(|r| r.key = "67e55044-10b1-426f-9247-bb680e5fe0c8".into()),
            ),
            ("key", refused(|r| r.key.clear())),
            ("name", refused(|r| r.name = " ".into())),
            ("name", refused(|r| r.name = "a\nb".into())),
            ("name", refused(|r| r.name = "n".repeat(NAME_BYTES_MAX + 1))),
            ("launch", refused(|r| r.launch = None)),
            ("cores", refused(|r| r.cores = 0)),
            ("cores", refused(|r| r.cores = CORES_MAX + 1)),
            ("memory_mib", refused(|r| r.memory_mib = 0)),
            ("memory_mib", refused(|r| r.memory_mib = MEMORY_MIB_MAX + 1)),
            ("executor_cores", refused(|r| r.executor_cores = Some(0))),
            ("executor_cores", refused(|r| r.executor_cores = None)),
            (
                "executor_memory_mib",
                refused(|r| r.executor_memory_mib = Some(0)),
            ),
            (
                "executor_memory_mib",
                refused(|r| r.executor_memory_mib = None),
            ),
            (
                "total_executor_cores",
                refused(|r| r.total_executor_cores = Some(0)),
            ),
            (
                "total_executor_cores",
                refused(|r| r.total_executor_cores = Some(2)),
            ),
            (
                "named",
                refused(|r| r.named = HashMap::from([("gpu".into(), 0)])),
            ),
            (
                "named",
                refused(|r| r.named = HashMap::from([("a b".into(), 1)])),
            ),
            (
                "named",
                refused(|r| {
                    r.named = HashMap::from([(
                        "gpu".into(),
                        vesta_types::limits::ADDRESSES_MAX as u32 + 1,
                    )])
                }),
            ),
            (
                "conf",
                refused(|r| drop(r.conf.insert(String::new(), "x".into()))),
            ),
            (
                "conf",
                refused(|r| drop(r.conf.insert("a\0".into(), "x".into()))),
            ),
            (
                "conf",
                refused(|r| drop(r.conf.insert("a".into(), "x\0".into()))),
            ),
            (
                "conf",
                refused(|r| drop(r.conf.insert("a".into(), "x".repeat(LAUNCH_BYTES_MAX)))),
            ),
        ];
        for (field, error) in table {
            assert_eq!(error.field, field, "{error}");
        }
    }

    #[test]
    fn a_launch_that_no_process_could_be_started_from_is_refused_by_name() {
        let table = [
            ("launch.program", with_launch(|l| l.program.clear())),
            ("launch.program", with_launch(|l| l.program = "a\0b".into())),
            (
                "launch.program",
                with_launch(|l| l.program = "p".repeat(4096)),
            ),
            ("launch.args", with_launch(|l| l.args.push("a\0b".into()))),
            (
                "launch",
                with_launch(|l| l.args.push("--ui={{PORT:UI}}".into())),
            ),
            (
                "launch.args",
                with_launch(|l| l.args = vec!["a".into(); ARGS_MAX + 1]),
            ),
            (
                "launch.args",
                with_launch(|l| l.args = vec!["a".repeat(LAUNCH_BYTES_MAX)]),
            ),
            (
                "launch.env",
                with_launch(|l| drop(l.env.insert("A=B".into(), "x".into()))),
            ),
            (
                "launch.env",
                with_launch(|l| drop(l.env.insert(String::new(), "x".into()))),
            ),
            (
                "launch.env",
                with_launch(|l| drop(l.env.insert("A\0".into(), "x".into()))),
            ),
            (
                "launch.env",
                with_launch(|l| drop(l.env.insert("B".into(), "x\0".into()))),
            ),
            (
                "launch.env",
                with_launch(|l| drop(l.env.insert("B".into(), "x".repeat(LAUNCH_BYTES_MAX)))),
            ),
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("relative.jar".into())),
            ),
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("ftp://h/a.jar".into())),
            ),
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("file://h/a.jar".into())),
            ),
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("/a/directory/".into())),
            ),
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("/a/..".into())),
            ),
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("/a\0b".into())),
            ),
            // Beside /a/x.jar it would overwrite, or be overwritten.
            (
                "launch.artifacts",
                with_launch(|l| l.artifacts.push("file:///b/x.jar".into())),
            ),
            (
                "launch.artifacts",
                with_launch(|l| {
                    l.artifacts = (0..=ARTIFACTS_MAX).map(|n| format!("/a/{n}")).collect();
                }),
            ),
        ];
        for (field, error) in table {
            assert_eq!(error.field, field, "{error}");
        }
    }

    #[test]
    fn what_is_exactly_at_a_limit_is_taken() {
        let mut request = request();
        request.name = "n".repeat(NAME_BYTES_MAX);
        request.cores = CORES_MAX;
        request.memory_mib = MEMORY_MIB_MAX;
        let launch = request.launch.as_mut().unwrap();
        launch.args = vec!["a".repeat(LAUNCH_BYTES_MAX - 1)];
        launch.artifacts = vec![
            "file:/a/1".into(),
            "file:///a/2".into(),
            "file://localhost/a/3".into(),
        ];
        submitted_driver(request).unwrap();
    }

    #[test]
    fn an_error_names_field_value_and_what_would_be_right() {
        let error = refused(|request| request.cores = 70_000);
        assert_eq!(
            error.to_string(),
            "cores: 70000 is not a whole number from 1 to 65536"
        );
    }
}
