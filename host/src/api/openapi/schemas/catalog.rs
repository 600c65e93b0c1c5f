//! Blueprints, categories, reviews, icons.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

#[derive(ToSchema)]
pub struct BlueprintCategoryCreate {
    name: String,
    description: String,
}

#[derive(ToSchema)]
pub struct BlueprintCategoryResponse {
    name: String,
    description: String,
    id: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum BlueprintExposure {
    Public,
    Private,
    Organization,
    Shared,
    OrganizationAndChildren,
}

#[derive(ToSchema)]
pub struct BlueprintCreate {
    name: String,
    description: String,
    version: String,
    icon: Option<String>,
    intro_msg: Option<String>,
    #[schema(nullable = false)]
    exposure: Option<BlueprintExposure>,
    author_id: String,
    #[schema(required = true)]
    organization_id: Option<String>,
    #[schema(required = true)]
    category_id: Option<String>,
    /// The spec of a guild, as in createGuild.
    spec: BTreeMap<String, Value>,
    tags: Option<Vec<String>>,
    commands: Option<Vec<String>>,
    starter_prompts: Option<Vec<String>>,
    agent_icons: Option<BTreeMap<String, String>>,
}

/// A blueprint as it is shown, with what a list or a page of its own shows besides.
macro_rules! shown_blueprint {
    ($name:ident { $($more:tt)* }) => {
        #[derive(ToSchema)]
        pub struct $name {
            id: String,
            name: String,
            description: String,
            version: String,
            exposure: BlueprintExposure,
            author_id: String,
            /// UTC, without a zone.
            created_at: String,
            updated_at: String,
            #[schema(required = true)]
            icon: Option<String>,
            #[schema(required = true)]
            organization_id: Option<String>,
            #[schema(required = true)]
            category_id: Option<String>,
            #[schema(required = true)]
            category_name: Option<String>,
            $($more)*
        }
    };
}

shown_blueprint!(BlueprintInfoResponse {});

shown_blueprint!(BlueprintResponseWithAccessReason {
    /// The organisation through which the user may.
    access_organization_id: Option<String>,
});

shown_blueprint!(BlueprintDetailsResponse {
    spec: BTreeMap<String, Value>,
    tags: Vec<String>,
    commands: Vec<String>,
    starter_prompts: Vec<String>,
    #[schema(required = true)]
    intro_msg: Option<String>,
});

#[derive(ToSchema)]
pub struct ShareWithOrgRequest {
    organization_id: String,
}

#[derive(ToSchema)]
pub struct AgentNameWithIcon {
    agent_name: String,
    icon: String,
}

#[derive(ToSchema)]
pub struct BlueprintAgentsIconReqRes {
    agent_icons: Vec<AgentNameWithIcon>,
}

#[derive(ToSchema)]
pub struct AgentIcon {
    #[schema(min_length = 1)]
    agent_icon: String,
}

#[derive(ToSchema)]
pub struct BlueprintReviewCreate {
    user_id: String,
    rating: i64,
    #[schema(nullable = false)]
    review: Option<String>,
}

#[derive(ToSchema)]
pub struct BlueprintReviewResponse {
    user_id: String,
    rating: i64,
    #[schema(nullable = false)]
    review: Option<String>,
    blueprint_id: String,
}

#[derive(ToSchema)]
pub struct BlueprintReviewsResponse {
    reviews: Vec<BlueprintReviewResponse>,
    average_rating: f64,
    total_reviews: u64,
}
