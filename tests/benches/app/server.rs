//! The server under load, and the folders it stores in.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::http;

/// The release build in a process of its own, killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts it on this folder, and waits until it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        let program = std::env::var_os("BENCH_SERVER").expect("run.sh says which program");
        let mut command = match std::env::var("BENCH_SERVER_CORE") {
            Ok(core) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", &core]).arg(program);
                taskset
            }
            Err(_) => Command::new(program),
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"]).arg(folder);
        if let Ok(flags) = std::env::var("BENCH_FLAGS") {
            command.args(flags.split_whitespace());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, addr) = line.trim_end().trim_end_matches('/').split_once("http://").expect("its address");
        Self { child, addr: addr.parse().unwrap() }
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while http(self.addr, "GET", "/readyz", "", "").await.status != 200 {
            assert!(Instant::now() < deadline, "not ready in a minute");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        // schedstat counts in nanoseconds what stat counts in ticks.
        let nanoseconds = std::fs::read_dir(format!("/proc/{}/task", self.child.id()))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        Duration::from_nanos(nanoseconds)
    }

    /// Memory held now, in MiB.
    pub(crate) fn rss(&self) -> f64 {
        self.memory("VmRSS:")
    }

    /// The most it ever held, in MiB.
    pub(crate) fn peak_rss(&self) -> f64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A folder to store in, beside what cargo builds, since /tmp may be no disk at all. It ends with this.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = kept("").join(format!("run-{}-{:?}", std::process::id(), Instant::now()).replace([' ', ':'], ""));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With a copy of what is in another.
    pub(crate) fn copy_of(other: &Path) -> Self {
        let folder = Self::new();
        for entry in std::fs::read_dir(other).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.0.join(path.file_name().unwrap())).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps it under this path, in place of what is there.
    pub(crate) fn keep_as(self, path: &Path) {
        let _ = std::fs::remove_dir_all(path);
        std::fs::rename(&self.0, path).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder that outlives the run: what takes long to fill is filled once.
pub(crate) fn kept(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let folder = target.join("load");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}
