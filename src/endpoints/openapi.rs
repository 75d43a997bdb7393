//! The OpenAPI description of the endpoints, for a document that the application builds with utoipa.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, Paths, PathsBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{
    Array, Components, ComponentsBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, PathItem, RefOr, Required, ResponseBuilder};

use crate::endpoints::api_tokens::ApiTokensEndpoint;
use crate::endpoints::introspection::IntrospectionEndpoint;
#[cfg(feature = "pairs")]
use crate::endpoints::refresh::RefreshEndpoint;
use crate::endpoints::revocation::RevocationEndpoint;

const BEARER: &str = "bearer";
const COOKIE: &str = "cookie";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const TAG: &str = "tokens";

/// The security schemes `bearer` and `cookie`, to which the descriptions refer. `cookie_name` is that of
/// [`Tokens::cookie`](crate::lifecycle::Tokens::cookie).
///
/// # Example
/// ```
/// use tower_tokens::endpoints::{ApiTokensEndpoint, RevocationEndpoint, security_schemes};
/// use utoipa::openapi::{Info, OpenApiBuilder, PathsBuilder};
///
/// let mut paths = PathsBuilder::new().path("/oauth/revoke", RevocationEndpoint::path_item()).build();
/// paths.merge(ApiTokensEndpoint::paths("/api/tokens"));
/// let document = OpenApiBuilder::new()
///     .info(Info::new("Devices", "1.0"))
///     .paths(paths)
///     .components(Some(security_schemes("trongatetoken")))
///     .build();
/// let json = serde_json::to_value(&document)?;
/// assert_eq!(json["components"]["securitySchemes"]["cookie"]["name"], "trongatetoken");
/// assert!(json["paths"]["/api/tokens/{id}"]["delete"].is_object());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn security_schemes(cookie_name: &str) -> Components {
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookie_name)));
    ComponentsBuilder::new().security_scheme(BEARER, bearer).security_scheme(COOKIE, cookie).build()
}

#[cfg(feature = "pairs")]
impl RefreshEndpoint {
    /// Its OpenAPI description (feature `openapi`).
    #[must_use]
    pub fn path_item() -> PathItem {
        let pair = object(
            [text("access_token"), text("token_type"), integer("expires_in"), text("refresh_token")],
            [text("scope")],
        );
        let body = parameters(object([text("grant_type"), text("refresh_token")], []));
        let operation = oauth("Exchange a refresh token for the next pair (RFC 6749, section 6)", body)
            .response("200", answer("The next pair", JSON, pair))
            .securities(Some([]));
        PathItem::new(HttpMethod::Post, operation.build())
    }
}

impl RevocationEndpoint {
    /// Its OpenAPI description (feature `openapi`).
    #[must_use]
    pub fn path_item() -> PathItem {
        let body = parameters(object([text("token")], [text("token_type_hint")]));
        let operation = oauth("End a token (RFC 7009)", body)
            .response("200", ResponseBuilder::new().description("The token is not valid, whether it was or not"))
            .securities(Some([]));
        PathItem::new(HttpMethod::Post, operation.build())
    }
}

impl IntrospectionEndpoint {
    /// Its OpenAPI description (feature `openapi`).
    #[must_use]
    pub fn path_item() -> PathItem {
        let body = parameters(object([text("token")], [text("token_type_hint")]));
        let active = ("active", Schema::Object(Object::with_type(Type::Boolean)));
        let found = [
            text("scope"),
            text("sub"),
            text("username"),
            integer("exp"),
            integer("iat"),
            text("token_type"),
            text("level"),
        ];
        let operation = oauth("Say what a token is (RFC 7662)", body).response(
            "200",
            answer("What the token is; an inactive one has `active` alone", JSON, object([active], found)),
        );
        PathItem::new(HttpMethod::Post, guarded(operation).build())
    }
}

impl ApiTokensEndpoint {
    /// The OpenAPI description of its paths below the one at which it is mounted (feature `openapi`).
    #[must_use]
    pub fn paths(mounted_at: &str) -> Paths {
        let at = mounted_at.trim_end_matches('/');
        let list = operation("List the user's API tokens")
            .response("200", answer("The tokens, newest first", JSON, Array::new(listed())));
        let create = operation("Create an API token")
            .request_body(Some(body([JSON], new())))
            .response("201", answer("The token, whose text is shown once", JSON, issued()))
            .response("400", problem("The request cannot be used"))
            .response("409", problem("The user has too many tokens"));
        let rotate = operation("Put another API token in the place of this one")
            .parameter(id())
            .request_body(Some(overlap()))
            .response("201", answer("The new token, whose text is shown once", JSON, issued()))
            .response("400", problem("The overlap is out of bounds"))
            .response("404", problem("The user has no such API token"));
        let revoke = operation("End an API token")
            .parameter(id())
            .response("204", ResponseBuilder::new().description("The token has ended"))
            .response("404", problem("The user has no such API token"));
        let mut collection = PathItem::new(HttpMethod::Get, guarded(list).build());
        collection.merge_operations(PathItem::new(HttpMethod::Post, guarded(create).build()));
        PathsBuilder::new()
            .path(at, collection)
            .path(format!("{at}/{{id}}"), PathItem::new(HttpMethod::Delete, guarded(revoke).build()))
            .path(format!("{at}/{{id}}/rotate"), PathItem::new(HttpMethod::Post, guarded(rotate).build()))
            .build()
    }
}

type Property = (&'static str, Schema);

fn new() -> Object {
    object([text("name"), abilities()], [nullable("expires_in", Type::Integer)])
}

fn issued() -> Object {
    object([text("id"), text("token"), text("name"), abilities(), instant("expires_at")], [])
}

fn listed() -> Object {
    let last_four = nullable("last_four", Type::String);
    let (created, used, expires) = (instant("created_at"), instant("last_used_at"), instant("expires_at"));
    object([text("id"), nullable("name", Type::String), abilities(), last_four, created, used, expires], [])
}

fn overlap() -> RequestBody {
    let content = ContentBuilder::new().schema(Some(object([], [integer("overlap")]))).build();
    RequestBodyBuilder::new().content(JSON, content).required(Some(Required::False)).build()
}

fn id() -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).required(Required::True).schema(Some(schema))
}

fn operation(summary: &str) -> OperationBuilder {
    OperationBuilder::new().tag(TAG).summary(Some(summary)).response("503", problem("The store does not answer"))
}

/// An operation of OAuth, whose errors are JSON with `error`.
fn oauth(summary: &str, body: RequestBody) -> OperationBuilder {
    let error = || object([text("error")], [text("error_description")]);
    OperationBuilder::new()
        .tag(TAG)
        .summary(Some(summary))
        .request_body(Some(body))
        .response("400", answer("The request cannot be used (RFC 6749, section 5.2)", JSON, error()))
        .response("503", answer("The store does not answer", JSON, error()))
}

/// An operation that needs a user.
fn guarded(operation: OperationBuilder) -> OperationBuilder {
    let none: [&str; 0] = [];
    operation
        .securities(Some([SecurityRequirement::new(BEARER, none), SecurityRequirement::new(COOKIE, none)]))
        .response("401", problem("No valid token"))
        .response("403", problem("The user, or the token, may not do this"))
}

fn answer(description: &str, media_type: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .content(media_type, ContentBuilder::new().schema(Some(schema)).build())
}

fn problem(description: &str) -> ResponseBuilder {
    let problem = object([text("type"), text("title"), integer("status"), text("detail")], []);
    answer(description, PROBLEM, problem)
}

fn parameters(schema: Object) -> RequestBody {
    body([FORM, JSON], schema)
}

fn body<const N: usize>(media_types: [&str; N], schema: Object) -> RequestBody {
    let content = || ContentBuilder::new().schema(Some(schema.clone())).build();
    let empty = RequestBodyBuilder::new().required(Some(Required::True));
    media_types.into_iter().fold(empty, |body, media_type| body.content(media_type, content())).build()
}

fn object<const R: usize, const O: usize>(required: [Property; R], optional: [Property; O]) -> Object {
    let with = |object: ObjectBuilder, (name, schema): Property| object.property(name, schema);
    let object = required.into_iter().fold(ObjectBuilder::new(), |object, property| {
        let name = property.0;
        with(object, property).required(name)
    });
    optional.into_iter().fold(object, with).build()
}

fn text(name: &'static str) -> Property {
    (name, Schema::Object(Object::with_type(Type::String)))
}

fn integer(name: &'static str) -> Property {
    (name, Schema::Object(Object::with_type(Type::Integer)))
}

fn nullable(name: &'static str, schema_type: Type) -> Property {
    (name, Schema::Object(Object::with_type(SchemaType::from_iter([schema_type, Type::Null]))))
}

fn instant(name: &'static str) -> Property {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let schema = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    (name, Schema::Object(schema.format(Some(format)).build()))
}

fn abilities() -> Property {
    ("abilities", Schema::Array(Array::new(Object::with_type(Type::String))))
}
