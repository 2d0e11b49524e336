use std::borrow::Cow;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use auth::{App, Error, Network, Tally};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use serde::Serialize;

use crate::Problem;
use crate::metrics::{RequestMetrics, milliseconds};
use crate::problem::RequestFacts;

/// Puts around `router` what every answer has in common: 404 and 405 as problem documents, a request id, the headers
/// that keep browsers from guessing, and one line in the log.
///
/// Goes on last: the route's template is known only to layers laid over routes, and routes added later would miss it.
pub fn edge(router: Router, app: &App) -> Router {
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(app.clone(), observe))
}

/// Whom the connection is with, where there is no gateway: an extension that a local server gives to its requests.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let has_authorization = request.headers().contains_key(AUTHORIZATION);
    let facts = RequestFacts { id: request_id(&request, &app), has_authorization };
    let tally = Tally::default();
    // What judges a proof. An instance that could not read it at its start would take the distribution for the client.
    let proof_is_known =
        if request.headers().contains_key(ORIGIN_PROOF) { tally.over(app.published()).await.map(drop) } else { Ok(()) };
    let caller = app.caller(facts.id.clone(), network(&request, &app));
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(app.clone());

    let answer = async {
        match admit(request.headers(), &app, proof_is_known) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    };
    let mut response = tally.over(contained(answer)).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let (code, cause) = problem.as_ref().map_or((None, None), |problem| (Some(problem.code), problem.cause.clone()));
    if let Some(problem) = problem {
        let (parts, _) = response.into_parts();
        response = problem.render(&facts, parts.headers);
    }
    secure(response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&facts.id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }

    let status = response.status();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let duration_ms = milliseconds(start.elapsed());
    let at = app.clock.now().millis();
    app.log.write(&Line {
        level: if status.is_server_error() { "error" } else { "info" },
        message: "request",
        request_id: &facts.id,
        method,
        route,
        status: status.as_u16(),
        code,
        error: cause,
        duration_ms,
        metrics: (app.config.metrics_stack.as_deref())
            .map(|stack| RequestMetrics::new(stack, at, (route, code, status), duration_ms, &tally)),
    });
    response
}

/// Refuses who goes around the distribution, and with it around its firewall, before anything is done for them.
fn admit(headers: &HeaderMap, app: &App, proof_is_known: Result<(), Error>) -> Result<(), Problem> {
    if !app.config.requires_origin_proof {
        return Ok(());
    }
    let proof = headers.get(ORIGIN_PROOF).ok_or_else(Problem::direct_access)?;
    proof_is_known?;
    if app.is_origin_proof(proof.as_bytes()) { Ok(()) } else { Err(Problem::direct_access()) }
}

/// Makes of a panic what it is to the client, a fault of ours. Local runs and tests alone come this far: on Lambda a
/// panic ends the process (`panic = "abort"`), and the gateway answers.
async fn contained(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Problem::from(Error::Internal("a handler panicked")).into_response()),
    })
    .await
}

/// API Gateway's id, which its access log has too; elsewhere one of our own.
fn request_id(request: &Request, app: &App) -> String {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>()
        && let Some(id) = &context.request_id
        && !id.is_empty()
        && id.bytes().all(|b| b.is_ascii_graphic())
    {
        return id.clone();
    }
    app.random.uuid(app.clock.now()).map(|uuid| uuid.to_string()).unwrap_or_default()
}

/// Where the request came from: API Gateway's word; locally the peer of the connection. A header has a say only where the
/// request proves that it came through the distribution, whose address is all that the gateway sees then.
fn network(request: &Request, app: &App) -> Network {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    if header(ORIGIN_PROOF).is_some_and(|proof| app.is_origin_proof(proof))
        && let Some(address) = header(VIEWER_ADDRESS).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse().ok())
    {
        return Network::of(address);
    }
    let from_gateway = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    let address = from_gateway.and_then(|text| text.parse().ok());
    let address = address.or_else(|| request.extensions().get().map(|&Peer(address)| address));
    Network::of(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Set by the distribution, over whatever the client sent under these names.
const ORIGIN_PROOF: &str = "x-origin-proof";
const VIEWER_ADDRESS: &str = "x-viewer-address";

/// OWASP, REST security cheat sheet, "Security headers". Nothing here is a page, and most of it is personal: the few
/// answers that may be stored say so themselves.
fn secure(headers: &mut HeaderMap) {
    let always = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A method is the client's text: only those we know are written to the log.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// One request in the log. Ids and constants alone: no path, no address, no header, nothing of a body.
#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    method: &'static str,
    /// The template, as in `/auth/sessions/{id}`.
    route: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// What happened inside, for a 5xx; logged here and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'static, str>>,
    duration_ms: f64,
    #[serde(flatten)]
    metrics: Option<RequestMetrics<'a>>,
}

#[cfg(test)]
mod tests;
