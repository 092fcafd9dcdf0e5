//! The pages: built into a release, read from disk in a debug build, or taken from `--www`.

use std::path::PathBuf;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

use super::encoding::{self, Cache, Plain};

/// `www/` with the wasm module in `www/pkg`, if that was built.
#[derive(RustEmbed)]
#[folder = "../www"]
#[allow_missing = true]
struct BuiltIn;

/// Where pages come from.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    /// Ours.
    BuiltIn,
    /// Somebody else's: the folder.
    Folder(PathBuf),
}

/// What stands at an address.
pub(crate) enum Found {
    /// A file.
    File(File),
    /// The address needs its trailing slash taken off: here it is without.
    Folder(String),
    /// Nothing.
    Nothing,
}

/// A file's content and what a browser needs to know of it.
#[derive(Debug)]
pub(crate) struct File {
    plain: Plain,
    mime: HeaderValue,
}

impl Files {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        match folder {
            Some(folder) => Self::Folder(folder),
            None => Self::BuiltIn,
        }
    }

    /// Looks up the path of an address: `/x` is `x`, `x/index.html`, or with `--www` also `x.html`.
    pub(crate) async fn find(&self, path: &str) -> Found {
        let Some(name) = clean(path) else { return Found::Nothing };
        if let Some(name) = name.strip_suffix('/') {
            let page = self.read(format!("{name}/index.html")).await;
            return if page.is_some() { Found::Folder(format!("/{name}")) } else { Found::Nothing };
        }
        let candidates = match (name.is_empty(), self) {
            (true, _) => vec!["index.html".to_owned()],
            (false, Self::BuiltIn) => vec![format!("{name}/index.html"), name],
            (false, Self::Folder(_)) => vec![format!("{name}.html"), format!("{name}/index.html"), name],
        };
        for candidate in candidates {
            if let Some(file) = self.read(candidate).await {
                return Found::File(file);
            }
        }
        Found::Nothing
    }

    /// The page that shows one call. Other people keep it under various names.
    pub(crate) async fn call_page(&self) -> Option<File> {
        const OURS: &[&str] = &["video-call/room/index.html"];
        const THEIRS: &[&str] = &[
            "video-call-room.html",
            "video-call/room.html",
            "video-call/room/index.html",
            "video-call.html",
            "video-call/index.html",
        ];
        let names = if matches!(self, Self::BuiltIn) { OURS } else { THEIRS };
        for name in names {
            if let Some(file) = self.read((*name).to_owned()).await {
                return Some(file);
            }
        }
        None
    }

    /// What people see where nothing is.
    pub(crate) async fn not_found_page(&self) -> Option<File> {
        self.read("404.html".to_owned()).await
    }

    /// Has the large ones of ours made smaller, so that the first who come need not take them as they are; the quickest
    /// first.
    pub(crate) async fn prepare(&self, cache: &Cache) {
        if !matches!(self, Self::BuiltIn) {
            return;
        }
        let mut large = Vec::new();
        for name in BuiltIn::iter() {
            if let Some(file) = self.read(name.into_owned()).await
                && encoding::is_compressible(file.mime.as_bytes())
                && file.plain.bytes.len() >= LARGE
            {
                large.push(file.plain);
            }
        }
        large.sort_by_key(|file| file.bytes.len());
        for file in &large {
            cache.prepare(file);
        }
    }

    async fn read(&self, name: String) -> Option<File> {
        match self {
            Self::BuiltIn => {
                let file = BuiltIn::get(&name)?;
                let hash = file.metadata.sha256_hash();
                let etag = hash[..12].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
                let bytes = match file.data {
                    std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                    std::borrow::Cow::Owned(bytes) => bytes.into(),
                };
                Some(File { mime: mime_of(&name), plain: Plain { name, etag: format!("\"{etag}\""), bytes } })
            }
            Self::Folder(folder) => {
                let path = folder.join(&name);
                // Disks can be slow, and this thread has other connections.
                tokio::task::spawn_blocking(move || {
                    let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
                    let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
                    let bytes = std::fs::read(&path).ok()?.into();
                    let etag = format!("\"{:x}-{:x}\"", metadata.len(), modified.as_nanos());
                    Some(File { mime: mime_of(&name), plain: Plain { name, etag, bytes } })
                })
                .await
                .ok()?
            }
        }
    }
}

/// What is worth making smaller before anybody asks: the modules above all.
const LARGE: usize = 16 << 10;

/// The path without its first slash, percent-decoded; `None` if it tries to leave the folder or
/// names what is hidden.
fn clean(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.strip_prefix('/')?.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    let hidden = |part: &str| part.starts_with('.');
    let is_odd = name.contains(['\0', '\\', ':']) || name.contains("//") || name.starts_with('/');
    if is_odd || name.split('/').any(hidden) { None } else { Some(name) }
}

/// The media type by the file's extension.
fn mime_of(name: &str) -> HeaderValue {
    let known = match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "pdf" => "application/pdf",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    };
    HeaderValue::from_static(known)
}

/// 200 with the file, smaller if that is welcome, or 304 if the browser has it. It is asked to check each time: pages
/// and their scripts must belong together.
pub(crate) async fn respond(file: File, request: &HeaderMap, cache: &Cache) -> Response {
    let File { plain, mime } = file;
    let is_known = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == plain.etag || tag.trim() == "*");
    let is_compressible = encoding::is_compressible(mime.as_bytes());
    let mut headers = HeaderMap::new();
    if is_compressible {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(header::CONTENT_TYPE, mime);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Weak, as it stands for the file in any coding (RFC 9110, 8.8.3.3).
    if let Ok(etag) = HeaderValue::from_str(&format!("W/{}", plain.etag)) {
        headers.insert(header::ETAG, etag);
    }
    let bytes = if is_known {
        Bytes::new()
    } else if is_compressible && let Some((coding, smaller)) = cache.encoded(&plain, &encoding::welcome(request)).await
    {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        smaller
    } else {
        plain.bytes
    };
    let mut response = Response::new(super::body(bytes));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    *response.headers_mut() = headers;
    response
}

/// A file that stands in for what was asked for, so nobody may keep it under that address.
pub(crate) fn respond_once(file: File, status: StatusCode) -> Response {
    let mut response = Response::new(super::body(file.plain.bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, file.mime);
    response
}

/// Whether a response is a page.
pub(crate) fn is_html(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|mime| mime.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_and_hide_what_is_hidden() {
        assert_eq!(clean("/a/b%20c.html").as_deref(), Some("a/b c.html"));
        assert_eq!(clean("/").as_deref(), Some(""));
        for path in [
            "",
            "a",
            "/../a",
            "/a/../b",
            "/%2e%2e/a",
            "/a%2f..%2fb",
            "/.git/config",
            "//etc",
            "/a%00",
            "/%",
            "/%ff",
            "/a\\b",
            "/c:x",
        ] {
            assert_eq!(clean(path), None, "{path}");
        }
    }

    #[tokio::test]
    async fn a_folder_of_other_people_s_pages_is_served_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("chat")).unwrap();
        for (name, text) in
            [("index.html", "home"), ("login.html", "login"), ("chat/index.html", "chat"), ("x.wasm", "wasm")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let files = Files::new(Some(folder.path().to_owned()));
        for (path, text, mime) in [
            ("/", "home", "text/html; charset=utf-8"),
            ("/login", "login", "text/html; charset=utf-8"),
            ("/login.html", "login", "text/html; charset=utf-8"),
            ("/chat", "chat", "text/html; charset=utf-8"),
            ("/x.wasm", "wasm", "application/wasm"),
        ] {
            let Found::File(file) = files.find(path).await else { panic!("{path} is not there") };
            assert_eq!((&file.plain.bytes[..], file.mime.to_str().unwrap()), (text.as_bytes(), mime), "{path}");
        }
        assert!(matches!(files.find("/chat/").await, Found::Folder(location) if location == "/chat"));
        assert!(matches!(files.find("/nowhere").await, Found::Nothing));
    }

    #[tokio::test]
    async fn a_browser_that_has_the_file_gets_304_in_whatever_coding_it_came() {
        let file = || {
            let plain = Plain { name: "x.js".to_owned(), etag: "\"1\"".to_owned(), bytes: "x();".repeat(500).into() };
            File { plain, mime: mime_of("x.js") }
        };
        let cache = Cache::default();
        cache.prepare(&file().plain);
        cache.settled().await;
        for (asked, coding) in [("", None), ("gzip", Some("gzip")), ("gzip, br", Some("br"))] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(asked));
            request.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"0\""));
            let response = respond(file(), &request, &cache).await;
            let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), header(header::CONTENT_ENCODING)), (200, coding));
            assert_eq!(header(header::VARY), Some("accept-encoding"));
            let etag = response.headers()[header::ETAG].clone();
            request.insert(header::IF_NONE_MATCH, etag.clone());
            let response = respond(file(), &request, &cache).await;
            assert_eq!((response.status().as_u16(), &response.headers()[header::ETAG]), (304, &etag));
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
            assert_eq!(response.headers().get(header::CONTENT_ENCODING), None);
            request.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"0\", W/\"1\""));
            assert_eq!(respond(file(), &request, &cache).await.status(), 304);
        }
    }
}
