//! The `framescope` program.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use framescope_server::{Config, LogFormat, Server, Settings, raise_file_limit, with_environment};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A self-hosted real-time server that shows every frame
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Run the server; this is what happens without a command, too
    #[command(after_help = AFTER_HELP)]
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// Read settings from this TOML file; names as below, without the dashes in front
    #[arg(long, value_name = "FILE", env = "FRAMESCOPE_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

const AFTER_HELP: &str = "\
Each setting can also stand in the environment (FRAMESCOPE_MESSAGE_MAX=1MiB) or in the file given by
--config (message-max = \"1MiB\"). A flag wins over the environment, the environment over the file.
Sizes: 512, 16KiB, 8MiB. Times: 250ms, 10s, 5m.

Ctrl-C or SIGTERM stops: everyone gets a WebSocket Close 1001. A second one stops at once.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("framescope: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let command = with_environment(Arguments::command()).mut_subcommand("serve", with_environment);
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|e| e.exit());
    let Serve { config, settings } = match arguments.command {
        Some(Subcommands::Serve(serve)) => serve,
        None => arguments.serve,
    };
    let config = Config::load(config.as_deref(), settings).map_err(anyhow::Error::msg)?;
    start_log(&config)?;
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Without a handler a terminal that goes away would take the server with it.
    let mut hangup = signal(SignalKind::hangup())?;
    // The same where a limit on the size of files is reached: the write fails, and that is what the store reports.
    let mut too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    tokio::spawn(async move { while hangup.recv().await.is_some() {} });
    tokio::spawn(async move { while too_large.recv().await.is_some() {} });
    let mut server = Server::bind(config).await?;
    let token = server.take_operator_token().unwrap_or_else(|| "(as configured)".to_owned());
    let (address, url) = (server.local_addr(), server.url());
    let greeting =
        format!("Framescope is listening on http://{address}/\nSee every connection: {url}/inspector?token={token}\n");
    // In one piece, and if nobody reads it, then so be it: who starts it may stop reading once the address is there.
    let _ = std::io::stdout().write_all(greeting.as_bytes());
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping: saying goodbye to everyone");
        // Nobody waits any more if the server failed.
        let _ = stop.send(());
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::warn!("stopped by a second signal");
        std::process::exit(130);
    });
    server.run(async move { drop(stopping.await) }).await?;
    Ok(())
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    // How the schema comes about is told as that library's affair, at each start. Whoever wants to know can say so.
    let filter = EnvFilter::try_new(format!("refinery_core=warn,{}", config.log))
        .map_err(|e| anyhow::anyhow!("log: {:?}: {e}", config.log))?;
    // A log that cannot be written is lost. To complain of that where the log goes would fail as well, and panic.
    let log = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
