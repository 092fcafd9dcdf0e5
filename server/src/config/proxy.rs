//! What `framescope proxy` can be told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::units::{Size, Span};
use super::{Config, LogFormat};

/// The settings of a proxy: the command line, and the environment for what is secret.
#[derive(Args, Clone, Debug)]
pub struct ProxySettings {
    /// The server to relay to, such as ws://127.0.0.1:3000 or wss://example.org/socket. With a path (and query) in it,
    /// that is what is asked for; without one, what the client asks for
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Address and port to listen on; port 0 takes any free one. Whoever reaches it reaches the server behind it, so
    /// think twice before it is not a loopback address
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9000")]
    pub listen: SocketAddr,
    /// Trust the certificate authorities in this PEM file, and no others, with wss://; without it, those that this
    /// machine trusts. A server's own certificate will not do, unless a CA in the file has signed it
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Write all that passes into this file as pcapng, for the inspector, Wireshark or tshark; - is standard output. A
    /// file that is there already is left alone without --force
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Let --write begin the file anew if it is there
    #[arg(long, requires = "write")]
    pub force: bool,
    /// Leave credentials in the file as they were: Cookie, Authorization and the like, tokens in addresses and
    /// subprotocols. Without it there are as many stars in their place; on the inspector there always are
    #[arg(long, requires = "write")]
    pub unmasked: bool,
    /// Address and port of the inspector; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9001")]
    pub inspect: SocketAddr,
    /// No inspector: relay, and write the file
    #[arg(long, conflicts_with = "inspect")]
    pub no_inspect: bool,
    /// What opens the inspector; random, and shown at start as part of a link, unless set. Better given in the
    /// environment (FRAMESCOPE_OPERATOR_TOKEN) than as a flag
    #[arg(long, value_name = "TOKEN", env = "FRAMESCOPE_OPERATOR_TOKEN", hide_env = true)]
    pub operator_token: Option<String>,
    /// Another host name under which the inspector is reached; IP addresses and localhost always are. May be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// What to log: a level (error, warn, info, debug, trace) or tracing's filter syntax
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Form of the log
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Threads that serve connections; 0 means one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,

    /// How long connecting to the server and its answer to the opening handshake may take; 502 after it
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = LIMITS)]
    pub open_deadline: Span,
    /// How long a client may take to send the head of a request; 408 after it
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = LIMITS)]
    pub head_deadline: Span,
    /// Largest head of a request or an answer; 431 or 502 over it
    #[arg(long, value_name = "SIZE", default_value = "16KiB", help_heading = LIMITS)]
    pub head_max: Size,
    /// Most connections at once, 503 over it; 0 means half of what the limit on open files allows, since each is two
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = LIMITS)]
    pub connections_max: usize,
    /// Most bytes that may wait for one watcher of the inspector; over it the watcher gets a gap
    #[arg(long, value_name = "SIZE", default_value = "4MiB", help_heading = LIMITS)]
    pub inspect_queue_max: Size,
    /// How long after SIGTERM or Ctrl-C the process has ended, whatever its peers do
    #[arg(long, value_name = "TIME", default_value = "9s", help_heading = LIMITS)]
    pub shutdown_deadline: Span,
}

const LIMITS: &str = "Limits and deadlines";

impl ProxySettings {
    /// What the server's own parts run with, as far as a proxy has them: `listen` is the inspector's.
    pub(crate) fn config(&self) -> Result<Config, String> {
        let config = Config {
            listen: self.inspect,
            in_memory: true,
            operator_token: self.operator_token.clone(),
            allow_host: self.allow_host.clone(),
            log: self.log.clone(),
            log_format: self.log_format,
            threads: self.threads,
            head_deadline: self.head_deadline.into(),
            head_max: self.head_max.into(),
            inspect_queue_max: self.inspect_queue_max.into(),
            shutdown_deadline: self.shutdown_deadline.into(),
            ..Config::default()
        };
        if self.open_deadline() == Duration::ZERO {
            return Err("open-deadline: with 0 nothing would work".to_owned());
        }
        config.check()?;
        Ok(config)
    }

    /// How long connecting may take.
    pub(crate) fn open_deadline(&self) -> Duration {
        self.open_deadline.into()
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn from_flags(flags: &[&str]) -> Result<ProxySettings, String> {
        let command = ProxySettings::augment_args(Command::new("proxy").no_binary_name(true));
        let matches = command.try_get_matches_from(flags).map_err(|error| error.to_string())?;
        Ok(ProxySettings::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn it_keeps_to_this_machine_unless_told_otherwise() {
        let settings = from_flags(&["--to", "ws://example.org"]).unwrap();
        assert!(settings.listen.ip().is_loopback() && settings.inspect.ip().is_loopback());
        let config = settings.config().unwrap();
        let default = Config { in_memory: true, listen: settings.inspect, ..Config::default() };
        assert_eq!(config, default, "limits are the server's");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |flags: &[&str]| {
            let settings = from_flags(&[&["--to", "ws://h"], flags].concat());
            settings.and_then(|settings| settings.config()).unwrap_err()
        };
        assert!(from_flags(&[]).unwrap_err().contains("--to"));
        assert!(refused(&["--force"]).contains("--write"));
        assert!(refused(&["--unmasked"]).contains("--write"));
        assert!(refused(&["--no-inspect", "--inspect", "[::1]:0"]).contains("--inspect"));
        assert_eq!(refused(&["--open-deadline", "0"]), "open-deadline: with 0 nothing would work");
        assert_eq!(refused(&["--head-deadline", "0"]), "head-deadline: with 0 nothing would work");
    }
}
