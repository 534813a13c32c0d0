//! One HTTP exchange with HighLevel: headers that every call needs, a bounded answer, no retries.

use reqwest::{
    Client, RequestBuilder, Response,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::failure::CrmFailure;
use crate::{config::Tune, crm::decode::Unreadable};

/// The API answers by this version's shapes; without the header it answers 401.
const VERSION: (HeaderName, HeaderValue) = (HeaderName::from_static("version"), HeaderValue::from_static("2021-07-28"));

/// A page of 500 contacts with many custom fields stays well below; anything longer is not read into memory.
const LONGEST: usize = 16 * 1024 * 1024;

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The HTTP client. Redirects are not followed: the API has none, and the token must not travel.
pub(super) fn client(tune: &Tune) -> Result<Client, reqwest::Error> {
    let (name, version) = VERSION;
    let headers = HeaderMap::from_iter([(name, version), (ACCEPT, HeaderValue::from_static("application/json"))]);
    Client::builder()
        .user_agent(concat!("carnet/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .timeout(tune.crm_timeout)
        .redirect(Policy::none())
        .build()
}

/// Sends and reads the whole answer.
pub(super) async fn exchange(request: RequestBuilder) -> Result<Answer, CrmFailure> {
    let response = request.send().await.map_err(|error| broken(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: read(response).await? })
}

async fn read(mut response: Response) -> Result<Vec<u8>, CrmFailure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > LONGEST {
            return Err(Unreadable::at(format!("byte {LONGEST}, where reading stops")).into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The error itself holds the URL, which holds ids.
fn broken(error: &reqwest::Error) -> CrmFailure {
    let reason = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    CrmFailure::Transient { reason: reason.into() }
}
