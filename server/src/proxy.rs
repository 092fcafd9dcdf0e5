//! The whole proxy: everything bound together.

use std::fs::File;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, ProxySettings};
use crate::inspect::intercept::Desk;
use crate::inspect::{Course, Hub, Hubs, Passage, Recording, Upstream};
use crate::server::Server;
use crate::{http, net};

/// A proxy between WebSocket clients and a server that is not ours, bound to its addresses and ready to run.
///
/// What passes goes through byte for byte, and is seen on an inspector of its own, in a file, or both.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    options: net::Options,
    course: Arc<Course>,
    inspector: Option<Server>,
    recording: Option<Recording>,
}

impl Proxy {
    /// Binds the addresses, and prepares everything that can fail.
    ///
    /// # Errors
    ///
    /// One line for the operator: an address is taken or not ours, the file is there already, or a setting makes no
    /// sense.
    pub async fn bind(settings: &ProxySettings) -> io::Result<Self> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let config = settings.config().map_err(invalid)?;
        let connections_max = match settings.connections_max {
            0 => net::connections_allowed(FILES_EACH),
            max => max,
        };
        let unacknowledged_max = PATIENCE;
        let options = net::Options { connections_max, unacknowledged_max, ..net::Options::new(&config, http::FULL) };
        let listener = net::listen(settings.listen, &options)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {}: {e}", settings.listen)))?;
        let address = listener.local_addr()?;
        let (ca, deadline) = (settings.ca.as_deref(), settings.open_deadline());
        let upstream = Upstream::new(&settings.to, ca, deadline, config.head_limits(), address).map_err(invalid)?;
        let about = format!("framescope: a proxy in front of {}", upstream.url());
        let masked = Arc::new(Hub::about(about.clone()));
        let unmasked = settings.unmasked.then(|| Arc::new(Hub::about(about)));
        let recording = match &settings.write {
            Some(path) => {
                let file = create(path, settings.force)
                    .map_err(|error| io::Error::new(error.kind(), format!("write: {}: {error}", path.display())))?;
                Some(Recording::start(unmasked.as_ref().unwrap_or(&masked), file)?)
            }
            None => None,
        };
        let desk = (!settings.no_inspect).then(Arc::<Desk>::default);
        let inspector = match &desk {
            Some(desk) => {
                let config = Config { threads: 1, ..config.clone() };
                Some(Server::bind_inspector(config, masked.clone(), desk.clone()).await?)
            }
            None => None,
        };
        for (what, address) in [("proxy", Some(address)), ("inspector", inspector.as_ref().map(Server::local_addr))] {
            if let Some(address) = address.filter(|address| !address.ip().to_canonical().is_loopback()) {
                tracing::warn!(%address, "the {what} can be reached from other machines, and not over TLS");
            }
        }
        let course = Course { upstream, hubs: Hubs { masked, unmasked }, desk, config };
        Ok(Self { listener, address, options, course: Arc::new(course), inspector, recording })
    }

    /// The address it listens on, with the port the system chose if 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads.
    #[must_use]
    pub fn upstream(&self) -> String {
        self.course.upstream.url().to_string()
    }

    /// The link that opens the inspector, if there is one; given out once, as nothing but the token's hash is kept.
    pub fn inspector(&mut self) -> Option<String> {
        self.inspector.as_mut().map(Server::operator_link)
    }

    /// Relays until `shutdown` is ready; then stops accepting, sends each side of each connection a FIN behind what was on
    /// its way, and returns once all are gone or the shutdown deadline has passed.
    ///
    /// # Errors
    ///
    /// When threads cannot be started, or one of them fails; and when not everything could be written to the file.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Self { listener, options, course, inspector, recording, .. } = self;
        let stop = CancellationToken::new();
        let inspecting = {
            let stop = stop.clone();
            async move {
                match inspector {
                    Some(inspector) => inspector.run(stop.cancelled()).await,
                    None => {
                        stop.cancelled().await;
                        Ok(())
                    }
                }
            }
        };
        let relaying = async {
            let relayed = net::run(listener, options, move || Passage::new(course.clone()), shutdown).await;
            // All has been seen. Pages get what is left of it on their way out.
            stop.cancel();
            let written = match recording {
                Some(recording) => recording.finish().await,
                None => Ok(()),
            };
            relayed?;
            written.map_err(|error| io::Error::new(error.kind(), format!("the capture is not whole: {error}")))
        };
        let (relayed, inspected) = tokio::join!(relaying, inspecting);
        relayed.and(inspected)
    }
}

/// The file for a capture: a new one, or one of those that cannot lose anything.
fn create(path: &Path, anew: bool) -> io::Result<File> {
    if path.as_os_str() == "-" {
        return Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() > 0 && !anew => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already; --force begins it anew"))
        }
        Ok(found) if found.is_file() => File::create(path),
        // A pipe, or a device.
        Ok(_) => File::options().write(true).open(path),
        // What people said to each other is in it.
        Err(_) => File::options().write(true).create_new(true).mode(0o600).open(path),
    }
}

/// The client's socket and the upstream's.
const FILES_EACH: usize = 2;

/// A client that stands still in a debugger reads nothing for as long as it takes to think, and is not to be cut off
/// where it would not be without us.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_capture_that_is_there_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcapng");
        let mode = create(&path, false).unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
        create(&path, false).unwrap();
        std::fs::write(&path, "a capture").unwrap();
        assert_eq!(create(&path, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"a capture");
        create(&path, true).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        create(Path::new("/dev/null"), false).unwrap();
    }
}
