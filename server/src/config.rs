//! What an operator sets, and where it may be set.
//!
//! Every setting has one name. It can stand in a file (`message-max = "8MiB"`), in the environment
//! (`FRAMESCOPE_MESSAGE_MAX`) and on the command line (`--message-max 8MiB`); a later one of these
//! wins over an earlier. [`Settings`] is what was said, with holes; [`Config`] is what holds.

#![allow(rustdoc::bare_urls, reason = "what documents a setting is its text in `--help`, too")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command};
use serde::Deserialize;

pub use proxy::ProxySettings;
use units::{LongSpan, Size, Span};

mod proxy;
mod units;

/// Declares each setting once: doc, clap's extras, name, type as said, type as used, default, and
/// the default as people would write it.
macro_rules! settings {
    ($($(#[$doc:meta])* [$($arg:tt)*] $name:ident: $said:ty => $used:ty = $default:expr, $shown:literal;)*) => {
        #[allow(rustdoc::bare_urls, reason = "these texts are the program's help as well")]
        /// The settings as one source gave them: flags and environment, or a file.
        #[derive(Args, Clone, Debug, Default, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Settings {
            $($(#[$doc])* #[arg(long, $($arg)*)] pub $name: Option<$said>,)*
        }

        #[allow(rustdoc::bare_urls, reason = "as above")]
        /// What the server runs with.
        ///
        /// ```
        /// let config = framescope_server::Config { message_max: 1024, ..Default::default() };
        /// assert_eq!(config.queue_max, 1 << 20);
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[$doc])* pub $name: $used,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Settings {
            /// Puts what was said here over `config`, and leaves the rest as it is.
            pub fn apply(self, config: &mut Config) {
                $(if let Some(said) = self.$name { config.$name = said.into(); })*
            }
        }

        /// Each setting's name as the command line has it, and its default as text.
        const DEFAULTS: &[(&str, &str)] = &[$((stringify!($name), $shown),)*];
    };
}

settings! {
    /// Address and port to listen on; port 0 takes any free one
    [value_name = "ADDR:PORT"] listen: SocketAddr => SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), "127.0.0.1:8080";
    /// Folder that holds the database of accounts, drawings and messages; made if it is not there,
    /// and used by one server at a time
    [value_name = "DIR"] data_dir: PathBuf => PathBuf = PathBuf::from("data"), "data";
    /// Store in memory only, for demonstrations: all is gone when the server stops, and --data-dir
    /// is left alone
    [num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL"] in_memory: bool => bool = false, "false";
    /// Serve the pages in this folder in place of the built-in ones: /x is DIR/x.html or
    /// DIR/x/index.html, other files by their path, and no content security policy is sent
    [value_name = "DIR"] www: PathBuf => Option<PathBuf> = None, "";
    /// The address people use, such as https://example.org, when a proxy stands in front: decides
    /// which Origin is ours, and whether cookies are Secure
    [value_name = "URL"] public_url: String => Option<String> = None, "";
    /// Another Origin whose pages may connect and ask, with their user's cookies, such as
    /// https://app.example.org; may be repeated
    [value_name = "ORIGIN", value_delimiter = ','] allow_origin: Vec<String> => Vec<String> = Vec::new(), "";
    /// Another host name under which this server is reached directly; IP addresses, localhost and
    /// the public URL's host always are. May be repeated
    [value_name = "NAME", value_delimiter = ','] allow_host: Vec<String> => Vec<String> = Vec::new(), "";
    /// Another server that our pages may talk to, such as reference=ws://127.0.0.1:3051/ or
    /// wss://example.org/socket: through /tunnel, and with the browser's own WebSocket. A name that
    /// resolves to a private or local address is refused; such an address has to stand here itself. May be repeated
    [value_name = "[NAME=]URL", value_delimiter = ','] tunnel_to: Vec<String> => Vec<String> = Vec::new(), "";
    /// What opens the inspector for the bytes of everybody's connections; random, and shown at start as part
    /// of a link, unless set. Better given in the environment than as a flag
    [value_name = "TOKEN"] operator_token: String => Option<String> = None, "";
    /// Escape & < > " ' in what users wrote before it goes to clients, for pages that put it into
    /// HTML; on by default with --www. What is echoed is never touched
    [num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL"] escape_html: bool => Option<bool> = None, "";
    /// A STUN or TURN server for video calls, such as stun:stun.example.org:3478 or
    /// turn:turn.example.org:3478?transport=udp; may be repeated
    [value_name = "URL", value_delimiter = ','] ice_server: Vec<String> => Vec<String> = Vec::new(), "";
    /// The secret shared with the TURN servers (coturn: static-auth-secret): everybody who is signed in gets
    /// credentials of their own that run out. Better given in the environment than as a flag
    [value_name = "SECRET"] turn_secret: String => Option<String> = None, "";
    /// How long these credentials are good for
    [value_name = "TIME"] turn_lifetime: LongSpan => Duration = Duration::from_secs(24 * 3600), "24h";
    /// A fixed user name for the TURN servers, in place of --turn-secret
    [value_name = "NAME"] turn_user: String => Option<String> = None, "";
    /// The password that belongs to --turn-user
    [value_name = "PASSWORD"] turn_password: String => Option<String> = None, "";
    /// How long somebody stays signed in
    [value_name = "TIME"] session_lifetime: LongSpan => Duration = Duration::from_secs(30 * 24 * 3600), "30d";
    /// What to log: a level (error, warn, info, debug, trace) or tracing's filter syntax
    [value_name = "FILTER"] log: String => String = "info".to_owned(), "info";
    /// Form of the log
    [value_enum] log_format: LogFormat => LogFormat = LogFormat::Text, "text";
    /// Threads that serve connections; 0 means one per core
    [value_name = "N"] threads: usize => usize = 0, "0";

    /// Largest message on app endpoints, after inflation; Close 1009 over it
    [value_name = "SIZE"] message_max: Size => usize = 8 << 20, "8MiB";
    /// Largest message on /echo, after inflation
    [value_name = "SIZE"] echo_message_max: Size => usize = 16 << 20, "16MiB";
    /// Most fragments in one message on app endpoints; Close 1009 over it
    [value_name = "N"] fragments_max: u32 => u32 = 65_536, "65536";
    /// Most fragments in one message on /echo
    [value_name = "N"] echo_fragments_max: u32 => u32 = 65_536, "65536";
    /// Longest text that echo_client may send on /websocket
    [value_name = "SIZE"] echo_text_max: Size => usize = 1 << 20, "1MiB";
    /// Longest text of a direct message or in a room
    [value_name = "SIZE"] text_max: Size => usize = 64 << 10, "64KiB";
    /// Longest name of a call, a room or a person in one, in characters
    [value_name = "N"] name_max: usize => usize = 64, "64";
    /// How long a video call is kept, and listed, after everybody has left it
    [value_name = "TIME"] call_kept: Span => Duration = Duration::from_secs(24 * 3600), "24h";
    /// Longest message that may carry a stroke for the drawing board
    [value_name = "SIZE"] stroke_max: Size => usize = 1 << 10, "1KiB";
    /// Bytes a second that lists of who is online may take up in all; over it they go out less often, down to
    /// one in 5 s
    [value_name = "SIZE"] presence_budget: Size => usize = 64 << 20, "64MiB";
    /// Largest head of an HTTP request; 431 over it
    [value_name = "SIZE"] head_max: Size => usize = 16 << 10, "16KiB";
    /// Most header lines in an HTTP request; 431 over it
    [value_name = "N"] head_headers_max: usize => usize = 100, "100";
    /// Largest body of an HTTP request; 413 over it
    [value_name = "SIZE"] body_max: Size => usize = 64 << 10, "64KiB";
    /// How long a client may take to send the body of a request; 408 after it
    [value_name = "TIME"] body_deadline: Span => Duration = Duration::from_secs(10), "10s";
    /// Wrong passwords for one name from one network before further ones are refused with 429
    [value_name = "N"] login_failures: usize => usize = 10, "10";
    /// How long a wrong password counts
    [value_name = "TIME"] login_window: Span => Duration = Duration::from_secs(300), "5m";
    /// Most passwords that are hashed at once; 0 means one per core
    [value_name = "N"] hashes_max: usize => usize = 0, "0";
    /// Most requests that may wait for that; 503 over it
    [value_name = "N"] hash_queue_max: usize => usize = 64, "64";
    /// Most bytes that may wait to be sent on a connection, besides the one message being written;
    /// a connection that is over it is not read from until its peer reads
    [value_name = "SIZE"] queue_max: Size => usize = 1 << 20, "1MiB";
    /// Most bytes that may wait for one watcher of a live tap; over it the watcher gets a gap
    [value_name = "SIZE"] inspect_queue_max: Size => usize = 4 << 20, "4MiB";
    /// How long a client may take to send the head of a request
    [value_name = "TIME"] head_deadline: Span => Duration = Duration::from_secs(10), "10s";
    /// How long a WebSocket may be silent; a ping goes out at half of it, then Close 1001
    [value_name = "TIME"] idle_deadline: Span => Duration = Duration::from_secs(60), "60s";
    /// How long to wait for the peer's half of the closing handshake
    [value_name = "TIME"] close_deadline: Span => Duration = Duration::from_secs(5), "5s";
    /// After the last frame went out: silence that ends reading and discarding
    [value_name = "TIME"] linger_quiet: Span => Duration = Duration::from_secs(1), "1s";
    /// After the last frame went out: longest time to read and discard
    [value_name = "TIME"] linger_deadline: Span => Duration = Duration::from_secs(5), "5s";
    /// After the last frame went out: most bytes to read and discard
    [value_name = "SIZE"] linger_max: Size => usize = 4 << 20, "4MiB";
    /// How long after SIGTERM or Ctrl-C the process has ended, whatever its peers do
    [value_name = "TIME"] shutdown_deadline: Span => Duration = Duration::from_secs(9), "9s";
    /// Messages a second on app endpoints, averaged over 5 s; read no faster than that, and Close
    /// 1008 after 30 s of excess. 0 is no limit
    [value_name = "N"] message_rate: u32 => u32 = 20_000, "20000";
    /// Most connections at once, 503 over it; 0 means what the limit on open files allows
    [value_name = "N"] connections_max: usize => usize = 0, "0";
    /// Most connections at once from one address (for IPv6: one /64), 503 over it; loopback is free. 0 is no limit
    [value_name = "N"] connections_per_address: usize => usize = 1_000, "1000";
    /// Level of permessage-deflate, 1 (fast) to 9 (small)
    [value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(1..=9)] compression_level: u8 => u8 = 1, "1";
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Reads `file`, if any, and lays `said` over it.
    ///
    /// # Errors
    ///
    /// One line for the operator: the file cannot be read, is not TOML, names a setting there is
    /// not, or two settings contradict each other.
    pub fn load(file: Option<&std::path::Path>, said: Settings) -> Result<Self, String> {
        let mut config = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let settings: Settings = toml::from_str(&text).map_err(|e| {
                let line = 1 + e.span().map_or(0, |span| text[..span.start].matches('\n').count());
                format!("{}:{line}: {}", path.display(), e.message())
            })?;
            settings.apply(&mut config);
        }
        said.apply(&mut config);
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(url) = &self.public_url {
            crate::auth::Origin::parse(url)
                .ok_or_else(|| format!("public-url: {url:?} is not http(s)://host[:port]"))?;
        }
        for origin in &self.allow_origin {
            crate::auth::Origin::parse(origin)
                .ok_or_else(|| format!("allow-origin: {origin:?} is not http(s)://host[:port]"))?;
        }
        if let Some(www) = self.www.as_ref().filter(|www| !www.is_dir()) {
            return Err(format!("www: {} is not a folder", www.display()));
        }
        if !(1..=9).contains(&self.compression_level) {
            return Err(format!("compression-level: {} is not between 1 and 9", self.compression_level));
        }
        if let Some(token) = &self.operator_token {
            crate::auth::Operator::check_token(token).map_err(|reason| format!("operator-token: {reason}"))?;
        }
        crate::auth::IceServers::new(self)?;
        // Where 0 has a meaning, of its own or as "do not", it is not in this list.
        for (name, is_zero) in [
            ("message-max", self.message_max == 0),
            ("echo-message-max", self.echo_message_max == 0),
            ("fragments-max", self.fragments_max == 0),
            ("echo-fragments-max", self.echo_fragments_max == 0),
            ("echo-text-max", self.echo_text_max == 0),
            ("text-max", self.text_max == 0),
            ("name-max", self.name_max == 0),
            ("stroke-max", self.stroke_max == 0),
            ("presence-budget", self.presence_budget == 0),
            ("head-headers-max", self.head_headers_max == 0),
            ("queue-max", self.queue_max == 0),
            ("inspect-queue-max", self.inspect_queue_max == 0),
            ("head-deadline", self.head_deadline.is_zero()),
            ("body-deadline", self.body_deadline.is_zero()),
            ("login-failures", self.login_failures == 0),
            ("login-window", self.login_window.is_zero()),
            ("session-lifetime", self.session_lifetime.is_zero()),
            ("turn-lifetime", self.turn_lifetime.is_zero()),
            ("idle-deadline", self.idle_deadline.is_zero()),
            ("close-deadline", self.close_deadline.is_zero()),
        ] {
            if is_zero {
                return Err(format!("{name}: with 0 nothing would work"));
            }
        }
        if self.head_max < 1024 {
            return Err("head-max: no browser gets by with less than 1KiB".to_owned());
        }
        Ok(())
    }

    /// How large the head of a request may be.
    pub(crate) const fn head_limits(&self) -> framescope_codec::handshake::HeadLimits {
        framescope_codec::handshake::HeadLimits { bytes: self.head_max, headers: self.head_headers_max }
    }

    /// How many passwords are hashed at once.
    pub(crate) fn hash_count(&self) -> usize {
        match self.hashes_max {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    /// Whether what users wrote is escaped on its way to clients.
    pub(crate) fn escapes_html(&self) -> bool {
        self.escape_html.unwrap_or_else(|| self.www.is_some())
    }

    /// The threads to start.
    pub(crate) fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}

/// From here on, settings are limits and deadlines, which the help lists by themselves.
const FIRST_LIMIT: &str = "message_max";

/// Gives each flag its environment variable, and its default in the help.
#[must_use]
pub fn with_environment(command: Command) -> Command {
    command.mut_args(|arg| {
        let Some(place) = DEFAULTS.iter().position(|(name, _)| *name == arg.get_id().as_str()) else { return arg };
        let (name, shown) = DEFAULTS[place];
        let is_limit = DEFAULTS.iter().position(|(name, _)| *name == FIRST_LIMIT).is_some_and(|first| place >= first);
        let arg = if is_limit { arg.help_heading("Limits and deadlines") } else { arg };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = if shown.is_empty() { help } else { format!("{help} [default: {shown}]") };
        // `long_help` would win over `help` in --help; there is no more to say there.
        arg.env(format!("FRAMESCOPE_{}", name.to_uppercase())).hide_env(true).help(help.clone()).long_help(help)
    })
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn from_flags(flags: &[&str]) -> Config {
        let command = Settings::augment_args(Command::new("test").no_binary_name(true));
        let said = Settings::from_arg_matches(&command.get_matches_from(flags)).unwrap();
        let mut config = Config::default();
        said.apply(&mut config);
        config
    }

    #[test]
    fn the_defaults_in_the_help_are_the_defaults() {
        for (name, shown) in DEFAULTS.iter().filter(|(_, shown)| !shown.is_empty()) {
            let flag = format!("--{}={shown}", name.replace('_', "-"));
            assert_eq!(from_flags(&[&flag]), Config::default(), "{flag}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "message-max = \"1MiB\"\nqueue-max = 4096\nlisten = \"[::1]:0\"\n").unwrap();
        let said = Settings { queue_max: Some(Size(1)), ..Settings::default() };
        let config = Config::load(Some(file.path()), said).unwrap();
        assert_eq!((config.message_max, config.queue_max, config.head_max), (1 << 20, 1, 16 << 10));
        assert_eq!(config.listen, "[::1]:0".parse().unwrap());
    }

    #[test]
    fn a_bad_file_is_one_clear_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "threads = 2\nmesage-max = 5\n").unwrap();
        let error = Config::load(Some(file.path()), Settings::default()).unwrap_err();
        assert!(error.contains(":2: unknown field `mesage-max`") && !error.contains('\n'), "{error}");
        let gone = Config::load(Some("/nowhere/framescope.toml".as_ref()), Settings::default()).unwrap_err();
        assert!(gone.starts_with("/nowhere/framescope.toml: "), "{gone}");
    }

    #[test]
    fn nothing_is_zero_but_where_that_means_something() {
        let load = |line: String| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), line).unwrap();
            Config::load(Some(file.path()), Settings::default())
        };
        let allowed = [
            "threads",
            "body-max",
            "call-kept",
            "hashes-max",
            "hash-queue-max",
            "linger-quiet",
            "linger-deadline",
            "linger-max",
            "shutdown-deadline",
            "message-rate",
            "connections-max",
            "connections-per-address",
        ];
        let limits = DEFAULTS.iter().skip_while(|(name, _)| *name != FIRST_LIMIT);
        for name in limits.map(|(name, _)| name.replace('_', "-")).chain(["threads".to_owned()]) {
            match load(format!("{name} = 0\n")) {
                Ok(_) => assert!(allowed.contains(&&*name), "{name} = 0 is taken"),
                Err(error) => {
                    assert!(!allowed.contains(&&*name), "{error}");
                    assert!(error.starts_with(&format!("{name}: ")) && !error.contains('\n'), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_switch_does_not_take_the_next_word_for_its_value() {
        let command = || {
            let serve = Settings::augment_args(Command::new("serve"));
            Settings::augment_args(Command::new("test").no_binary_name(true)).subcommand(serve)
        };
        for flag in ["--in-memory", "--escape-html", "--in-memory=true"] {
            let matches = command().try_get_matches_from([flag, "serve"]).unwrap();
            assert_eq!(matches.subcommand_name(), Some("serve"), "{flag}");
        }
        assert!(command().try_get_matches_from(["--in-memory", "false"]).is_err(), "a value needs its =");
    }

    #[test]
    fn flags_without_a_value_switch_on() {
        assert!(from_flags(&["--in-memory"]).in_memory);
        assert_eq!(from_flags(&["--escape-html=false"]).escape_html, Some(false));
        assert_eq!(
            from_flags(&["--allow-origin=http://a", "--allow-origin=http://b"]).allow_origin,
            ["http://a", "http://b"]
        );
    }
}
