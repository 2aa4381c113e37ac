//! What a stand-in does: it listens where its configuration says; as a worker it launches something.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use vesta_local::{Cluster, Process, interrupted, watch_parent};

/// Environment variable with how to behave.
pub const MODE: &str = "STAND_IN";

/// Ends what it launched when it is asked to end.
pub const ORDERLY: &str = "orderly";

/// Ends without a word to what it launched.
pub const CARELESS: &str = "careless";

/// Does not even start.
pub const BROKEN: &str = "broken";

/// Is no member but starts a cluster of its own, names its processes and waits.
pub const STARTER: &str = "starter";

/// Plays one process of a cluster. Never run as a test.
#[test]
#[ignore = "started again as a process of a cluster by the other tests"]
fn play() {
    let Ok(mode) = std::env::var(MODE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match mode.as_str() {
        STARTER => runtime.block_on(start_a_cluster()),
        BROKEN => panic!("a stand-in that is broken"),
        _ => runtime.block_on(be_a_member(&mode)),
    }
}

async fn start_a_cluster() {
    let mut cluster = Cluster::start(crate::stand_ins(ORDERLY)).unwrap();
    cluster.ready(crate::LONG).await.unwrap();
    for process in crate::processes(&cluster).await {
        println!("process={process}");
    }
    println!("dir={}", cluster.dir().display());
    std::io::stdout().flush().unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}

async fn be_a_member(mode: &str) {
    watch_parent().unwrap();
    let asked = interrupted().unwrap();
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == "--config").unwrap();
    let text = std::fs::read_to_string(&args[at + 1]).unwrap();
    let config: toml::Table = text.parse().unwrap();
    println!("variable={:?}", std::env::var("VESTA_TEST_VARIABLE").ok());
    let launched = (args[at - 1] == "worker").then(|| launch(&config));
    let _listener = TcpListener::bind(config["listen"].as_str().unwrap()).unwrap();
    asked.await;
    if mode == ORDERLY
        && let Some(mut launched) = launched
    {
        launched.kill().unwrap();
        launched.wait().unwrap();
    }
}

/// Launches a process as a worker does: another group, an environment of its own, another directory.
fn launch(config: &toml::Table) -> std::process::Child {
    use std::os::unix::process::CommandExt;
    let dir = PathBuf::from(config["dir"].as_str().unwrap());
    let id = format!("driver-test-{}", std::process::id());
    std::fs::create_dir_all(dir.join("instances").join(&id)).unwrap();
    let child = Command::new("sleep")
        .arg("600")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("VESTA_INSTANCE_ID", &id)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let process = Process::of(child.id()).unwrap();
    std::fs::write(dir.join("launched"), format!("{process}\n")).unwrap();
    child
}
