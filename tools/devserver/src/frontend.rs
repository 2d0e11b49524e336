//! The front end's build on the API's own origin, served as the distribution in front of a deployment serves it: pages
//! without their `.html`, the headers of template.yaml, copies compressed beforehand.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::fs::{canonicalize, symlink_metadata};
use tower_http::services::ServeFile;

use crate::page_headers;

/// A build, and how it is served.
pub struct FrontEnd {
    /// Without links, so that a path below it can be compared with where it leads.
    folder: PathBuf,
    /// That of the server.
    port: u16,
    headers: HeaderMap,
}

impl FrontEnd {
    /// The build in `folder`; nothing if there is none.
    ///
    /// # Errors
    /// One line for the developer: template.yaml without the headers of pages.
    pub fn open(folder: &Path, port: u16) -> Result<Option<Self>, String> {
        match folder.canonicalize() {
            Ok(folder) if folder.join("index.html").is_file() => {
                Ok(Some(Self { folder, port, headers: page_headers(TEMPLATE)? }))
            }
            _ => Ok(None),
        }
    }

    /// Answers what isn't the API's. Goes around all layers of `api`, whose answers stay as they are.
    pub fn around(self, api: Router) -> Router {
        api.layer(from_fn_with_state(Arc::new(self), answer))
    }

    async fn page(&self, request: Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
        }
        if let Some(location) = self.on_the_one_host(&request) {
            return redirect(StatusCode::TEMPORARY_REDIRECT, &location);
        }
        match target(request.uri()) {
            Some(Target::Elsewhere(location)) => redirect(StatusCode::PERMANENT_REDIRECT, &location),
            Some(Target::File(name)) if self.has(&name).await => {
                let again = without_conditions(&request);
                match self.send(&name, request).await {
                    Ok(response) => response,
                    // A build that is under way has taken it.
                    Err(_) => self.not_found(again).await,
                }
            }
            _ => self.not_found(without_conditions(&request)).await,
        }
    }

    /// Chromium keeps the cookies of `localhost` and `127.0.0.1` apart: who signs in under one name is a stranger under the
    /// other.
    fn on_the_one_host(&self, request: &Request) -> Option<String> {
        let host = request.headers().get(HOST)?.to_str().ok()?;
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        let path = request.uri().path_and_query()?;
        let is_ours = name.eq_ignore_ascii_case("localhost") && port == self.port.to_string();
        is_ours.then(|| format!("http://127.0.0.1:{port}{path}"))
    }

    /// Whether a file of the build has this name. A link is none, and nothing below a link is: it may lead out of the folder.
    async fn has(&self, name: &str) -> bool {
        let path = self.folder.join(name);
        if !canonicalize(&path).await.is_ok_and(|real| real == path) || !is_file(&path).await.unwrap_or(false) {
            return false;
        }
        for copy in ["br", "gz"] {
            if !is_file(&self.folder.join(format!("{name}.{copy}"))).await.unwrap_or(true) {
                return false;
            }
        }
        true
    }

    async fn send(&self, name: &str, request: Request) -> io::Result<Response> {
        let mut file = ServeFile::new(self.folder.join(name)).precompressed_br().precompressed_gzip();
        let mut response = file.try_call(request).await?.map(Body::new);
        let is_good = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        if is_good && name.starts_with(IMMUTABLE) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        }
        // Of a 304 too (RFC 9110 §15.4.5).
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
            && text.starts_with("text/")
            && let Ok(value) = format!("{text}; charset=utf-8").parse()
        {
            headers.insert(CONTENT_TYPE, value);
        }
        Ok(response)
    }

    async fn not_found(&self, request: Request) -> Response {
        if self.has("404.html").await
            && let Ok(mut response) = self.send("404.html", request).await
        {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        (StatusCode::NOT_FOUND, "There is no page at this address.\n").into_response()
    }
}

async fn answer(State(front_end): State<Arc<FrontEnd>>, request: Request, next: Next) -> Response {
    if is_of_the_api(request.uri().path()) {
        return next.run(request).await;
    }
    let mut response = front_end.page(request).await;
    let headers = response.headers_mut();
    headers.extend(front_end.headers.clone());
    // May be stored, and is asked for again each time.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// The paths that the distribution sends to the API.
fn is_of_the_api(path: &str) -> bool {
    path.starts_with("/auth/") || path.starts_with("/.well-known/") || path == "/health"
}

/// What a path asks for.
enum Target {
    /// A file's name in the build, without links, dots at the beginning of a name, or ways up.
    File(String),
    /// The same without the slash at its end.
    Elsewhere(String),
}

/// What the distribution's function makes of a path; nothing if no file can have this name.
fn target(uri: &Uri) -> Option<Target> {
    let path = uri.path();
    if path == "/" {
        return Some(Target::File("index.html".to_owned()));
    }
    let relative = path.strip_prefix('/')?;
    let trimmed = relative.strip_suffix('/');
    let names: Vec<_> = trimmed.unwrap_or(relative).split('/').map(name).collect::<Option<_>>()?;
    // Each name is one by now, so this is no address of another host, as `//example.com` were.
    if let Some(trimmed) = trimmed {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Some(Target::Elsewhere(format!("/{trimmed}{query}")));
    }
    let extension = match names.last()?.rsplit_once('.') {
        // Pages have one address, the answer to all others none, and compressed copies neither.
        None if path == "/404" => return None,
        None => ".html",
        Some((_, "html" | "br" | "gz")) => return None,
        Some(_) => "",
    };
    Some(Target::File(names.join("/") + extension))
}

/// One segment of a path, without its percent-encoding (RFC 3986 §2.1), if it is a name: not empty, not hidden, no way up or out.
fn name(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    let hex = |digit: Option<u8>| char::from(digit?).to_digit(16).and_then(|value| u8::try_from(value).ok());
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { hex(rest.next())? << 4 | hex(rest.next())? } else { byte });
    }
    let name = String::from_utf8(bytes).ok()?;
    let is_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    is_name.then_some(name)
}

fn redirect(status: StatusCode, location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (status, [(LOCATION, location)]).into_response(),
        // Only where the path was not encoded.
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// For the answer 404, which is never "as you have it", nor a part.
fn without_conditions(request: &Request) -> Request {
    let mut bare = Request::new(Body::empty());
    bare.method_mut().clone_from(request.method());
    if let Some(encodings) = request.headers().get(ACCEPT_ENCODING) {
        bare.headers_mut().insert(ACCEPT_ENCODING, encodings.clone());
    }
    bare
}

/// Nothing if there is nothing.
async fn is_file(path: &Path) -> Option<bool> {
    symlink_metadata(path).await.ok().map(|found| found.is_file())
}

/// What is under it has its hash in its name.
const IMMUTABLE: &str = "_app/immutable/";

const TEMPLATE: &str = include_str!("../../../template.yaml");
