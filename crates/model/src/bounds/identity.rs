//! What people, keys and providers can make grow.

use super::row::bounds;

bounds! {
    /// Sign-ins by a provider that one address (of IPv6, a /64) begins within a minute.
    OIDC_STARTS = 120, PerMinute, Anonymous, "told to wait, 429", "s18_journeys_are_bounded_per_address_and_in_all";
    /// Addresses whose sign-ins by a provider are counted at the same time.
    OIDC_ADDRESSES = 10_000, Count, Anonymous, "further addresses are told to wait for a minute",
        "s18_journeys_are_bounded_per_address_and_in_all";
    /// Between two questions for a provider's description or keys, whatever they were answered with.
    OIDC_FETCH_EVERY_MS = 30_000, Millis, Anonymous, "what was answered before is used",
        "s18_many_askers_are_one_question_and_a_failure_is_not_asked_again_at_once";
}
