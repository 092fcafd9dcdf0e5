//! The `framescope` program.

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use framescope_server::{
    Config, DecodeSettings, LogFormat, Proxy, ProxySettings, Server, Settings, decode, raise_file_limit,
    with_environment,
};
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
    Serve(Box<Serve>),
    /// Stand between WebSocket clients and a server, pass every byte on, and show it
    #[command(after_help = AFTER_PROXY_HELP)]
    Proxy(Box<ProxySettings>),
    /// Read a capture and print every frame in it, as JSON or for people
    #[command(after_help = AFTER_DECODE_HELP)]
    Decode(DecodeSettings),
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

const AFTER_PROXY_HELP: &str = "\
Point a client at the address given by --listen in place of the server's. The request goes on as it came, but for
its Host; once the server has answered it with a proper 101, every byte is passed on both ways, malformed ones too.
Any other answer never becomes a tunnel: the server's own refusal is passed on, everything else is 502 and why.

  framescope proxy --to ws://127.0.0.1:3000                       watch on the inspector, by the link it prints
  framescope proxy --to wss://example.org/socket --write a.pcapng
  framescope proxy --to ws://127.0.0.1:3000 --write - | tshark -r - -Y websocket

Sizes: 512, 16KiB, 8MiB. Times: 250ms, 10s, 5m. Ctrl-C or SIGTERM stops; a second one stops at once.";

const AFTER_DECODE_HELP: &str = "\
Reads pcapng and pcap, either in gzip, and whatever else the inspector opens. One JSON object per line: frames with stream,
src, dst, dir, time, fin, rsv, opcode, mask, payload_length, masking_key, payload (hex, unmasked), violations, and message
(inflated) where one is complete; all else has an event: handshake, gap, joined-late, end, note, fault.

  framescope decode a.pcapng --summary                              who talked to whom, and what is wrong
  framescope decode a.pcapng --follow 3 --text                      one conversation
  framescope decode a.pcapng --filter 'violation or close.code >= 4000'
  framescope decode a.pcapng --filter 'text contains \"error\"' | jq -r .message.hex
  framescope proxy --to ws://127.0.0.1:3000 --write - | framescope decode - --text

Filters: opcode == text, length > 10KiB, dir == c2s, conn in {1, 3..5}, text matches /^err/i, json.type == \"chat\",
violation, rtt > 50ms, path == /socket, ip in 10.0.0.0/8, payload contains 0xCAFE; and or not ( ). Wireshark's names, as
websocket.opcode, are understood. conn counts WebSocket connections from 1, as the page does; stream is Wireshark's tcp.stream.

Exit status: 0; 1 if the capture cannot be read, in whole or in part (where and why: standard error); 2 for a wrong filter
or flag.";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("framescope: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let command = with_environment(Arguments::command()).mut_subcommand("serve", with_environment);
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|e| e.exit());
    let serve = match arguments.command {
        Some(Subcommands::Proxy(settings)) => {
            start_log(&settings.log, settings.log_format)?;
            return in_runtime(relay(*settings)).map(|()| ExitCode::SUCCESS);
        }
        Some(Subcommands::Decode(settings)) => return Ok(decode(&settings)),
        Some(Subcommands::Serve(serve)) => *serve,
        None => arguments.serve,
    };
    let config = Config::load(serve.config.as_deref(), serve.settings).map_err(anyhow::Error::msg)?;
    start_log(&config.log, config.log_format)?;
    in_runtime(self::serve(config)).map(|()| ExitCode::SUCCESS)
}

fn in_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let stopped = stopped("saying goodbye to everyone")?;
    let mut server = Server::bind(config).await?;
    let (address, link) = (server.local_addr(), server.operator_link());
    greet(io::stdout(), &format!("Framescope is listening on http://{address}/\nSee every connection: {link}\n"));
    server.run(stopped).await?;
    Ok(())
}

async fn relay(settings: ProxySettings) -> anyhow::Result<()> {
    let stopped = stopped("ending every connection")?;
    let mut proxy = Proxy::bind(&settings).await?;
    let mut greeting = format!("Framescope relays ws://{}/ to {}\n", proxy.local_addr(), proxy.upstream());
    if let Some(link) = proxy.inspector() {
        greeting += &format!("See every connection: {link}\n");
    }
    // Unless that is where the capture goes.
    if settings.write.is_some_and(|path| path.as_os_str() == "-") {
        greet(io::stderr(), &greeting);
    } else {
        greet(io::stdout(), &greeting);
    }
    proxy.run(stopped).await?;
    Ok(())
}

/// In one piece, and if nobody reads it, then so be it: who starts it may stop reading once the address is there.
fn greet(mut to: impl Write, greeting: &str) {
    let _ = to.write_all(greeting.as_bytes());
}

/// Ends with the first signal that asks for it; a second one then ends the process.
fn stopped(how: &'static str) -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Without a handler a terminal that goes away would take the server with it.
    let mut hangup = signal(SignalKind::hangup())?;
    // The same where a limit on the size of files is reached: the write fails, and that is what is reported.
    let mut too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    tokio::spawn(async move { while hangup.recv().await.is_some() {} });
    tokio::spawn(async move { while too_large.recv().await.is_some() {} });
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping: {how}");
        // Nobody waits any more if the server failed.
        let _ = stop.send(());
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::warn!("stopped by a second signal");
        std::process::exit(130);
    });
    Ok(async move { drop(stopping.await) })
}

fn start_log(log: &str, format: LogFormat) -> anyhow::Result<()> {
    // How the schema comes about is told as that library's affair, at each start. Whoever wants to know can say so.
    let filter =
        EnvFilter::try_new(format!("refinery_core=warn,{log}")).map_err(|e| anyhow::anyhow!("log: {log:?}: {e}"))?;
    // A log that cannot be written is lost. To complain of that where the log goes would fail as well, and panic.
    let log = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
