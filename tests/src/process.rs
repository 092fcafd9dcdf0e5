//! The server under test as the program it ships as: for signals, exit codes and memory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::PATIENCE;

/// The `framescope` program, listening on a free port of this machine. It is killed when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    addr: SocketAddr,
    link: String,
}

impl ServerProcess {
    /// Starts the program with these flags beside the usual ones.
    ///
    /// # Panics
    /// When it does not come to listen.
    pub async fn start(flags: &[&str]) -> Self {
        Self::start_as(tokio::process::Command::new(program()), &[&["--in-memory"], flags].concat()).await
    }

    /// The same, storing in this folder.
    ///
    /// # Panics
    /// When it does not come to listen.
    pub async fn start_on(folder: &Path, flags: &[&str]) -> Self {
        let folder = folder.to_str().expect("a path in UTF-8");
        Self::start_as(tokio::process::Command::new(program()), &[&["--data-dir", folder], flags].concat()).await
    }

    /// The same, with a log that is written to a file.
    ///
    /// # Panics
    /// When it does not come to listen.
    pub async fn start_on_with_log(folder: &Path, log: &Path) -> Self {
        let folder = folder.to_str().expect("a path in UTF-8");
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" 2>\"$LOG\""]).arg(program()).env("LOG", log);
        Self::start_as(shell, &["--data-dir", folder]).await
    }

    /// The same as [`start`](Self::start) with a limit on open files, as `ulimit -n` sets it.
    ///
    /// # Panics
    /// When it does not come to listen.
    pub async fn start_with_files(files: u32, flags: &[&str]) -> Self {
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(program());
        Self::start_as(shell, &[&["--in-memory"], flags].concat()).await
    }

    /// Starts it as a proxy in front of `to`, with these flags and whatever file limits `shell` sets, such as
    /// `ulimit -f 100`.
    ///
    /// # Panics
    /// When it does not come to listen.
    pub async fn proxy(to: &str, flags: &[&str], shell: &str) -> Self {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")]).arg(program());
        let mut with = vec!["proxy", "--log", "error", "--to", to];
        if !flags.contains(&"--listen") {
            with.extend(["--listen", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--no-inspect") {
            with.extend(["--inspect", "127.0.0.1:0"]);
        }
        Self::listening(command, &[&with, flags].concat()).await
    }

    async fn start_as(command: tokio::process::Command, flags: &[&str]) -> Self {
        Self::listening(command, &[&["serve", "--listen", "127.0.0.1:0", "--log", "warn"], flags].concat()).await
    }

    async fn listening(mut command: tokio::process::Command, arguments: &[&str]) -> Self {
        let mut child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first =
            timeout(PATIENCE, lines.next_line()).await.expect("a line in time").expect("a line").unwrap_or_default();
        let addr = first
            .split_once("://")
            .and_then(|(_, rest)| rest.split('/').next()?.parse().ok())
            .unwrap_or_else(|| panic!("no address in {first:?}"));
        let mut link = String::new();
        if !arguments.contains(&"--no-inspect") {
            let second = timeout(PATIENCE, lines.next_line()).await.expect("a line in time").expect("a line");
            let second = second.unwrap_or_default();
            link = second.split_once("http://").map(|(_, rest)| format!("http://{rest}")).unwrap_or_default();
        }
        // What else it prints must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, addr, link }
    }

    /// Runs the program with just these arguments to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn run(arguments: &[&str]) -> Output {
        let run =
            tokio::process::Command::new(program()).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
        timeout(PATIENCE, run).await.expect("it ends").expect("the program starts")
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The operator's link, as it was printed.
    #[must_use]
    pub fn operator_link(&self) -> &str {
        &self.link
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends it a signal, such as `TERM`.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn wait(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status")
    }

    /// What it holds in memory now, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn rss(&self) -> u64 {
        self.status_line("VmRSS:") * 1024
    }

    /// The most it ever held, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        self.status_line("VmHWM:") * 1024
    }

    /// How many files and sockets it has open.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    fn status_line(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("such a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

/// The program, built first where it is not up to date, optimised if this is. Asking for all of the workspace makes cargo choose the
/// same features as `cargo test --workspace` does, so that nothing else is built again.
///
/// # Panics
/// When it does not build.
pub fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--all-features", "--bin", "framescope"])
            .args(if cfg!(debug_assertions) { &[][..] } else { &["--release"] })
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "the program does not build");
        let messages = String::from_utf8(output.stdout).expect("UTF-8");
        let (_, path) = messages.rsplit_once("\"executable\":\"").expect("an executable");
        PathBuf::from(path.split('"').next().unwrap_or_default())
    })
}
