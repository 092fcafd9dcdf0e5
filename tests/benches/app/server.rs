//! The server under load, and the folders it stores in.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::client::http;
use super::measured::{Measured, program};

/// The release build, storing in a folder.
pub(crate) struct Server {
    process: Measured,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts it on this folder, and waits until it has nothing to do.
    pub(crate) fn start(folder: &Path) -> Self {
        let Self { process, addr } = Self::launch(folder);
        Self { process: process.idle(), addr }
    }

    /// Starts it on this folder, and waits until it listens.
    pub(crate) fn launch(folder: &Path) -> Self {
        let mut args: Vec<OsString> =
            ["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"].map(Into::into).into();
        args.push(folder.into());
        if let Ok(flags) = std::env::var("BENCH_FLAGS") {
            args.extend(flags.split_whitespace().map(Into::into));
        }
        let process = Measured::start(program(), args);
        Self { addr: process.addr, process }
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
        self.process.cpu()
    }

    /// Memory held now, in MiB.
    pub(crate) fn rss(&self) -> f64 {
        self.process.rss() as f64 / 1_048_576.0
    }

    /// The most it ever held, in MiB.
    pub(crate) fn peak_rss(&self) -> f64 {
        self.process.peak_rss() as f64 / 1_048_576.0
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
