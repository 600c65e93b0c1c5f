//! What an agent may be granted beside its messages: values that last, configuration, secrets, requests over HTTP. Its
//! blueprint asks for each in `sandbox`, the operator's policy allows it; a component imports what its agent uses of
//! these and nothing else, and does not start without the grant. `docs/capabilities.md` of the host has both sides.
//!
//! They need the feature `capabilities`. Outside of a component there is no host, and calls panic: keep what is worth
//! testing in functions that are given what was read.

pub mod config;
pub mod http;
pub mod keyvalue;
pub mod secrets;

mod bindings {
    wit_bindgen::generate!({
        path: ["keyvalue", "wit"],
        inline: "
            package guildhall:capabilities;

            world capabilities {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:config/store@0.2.0-rc.1;
                import guildhall:agent/secrets@0.1.0;
                import guildhall:agent/reveal@0.1.0;
            }

            package wasi:config@0.2.0-rc.1 {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                    get-all: func() -> result<list<tuple<string, string>>, error>;
                }
            }
        ",
        world: "guildhall:capabilities/capabilities",
        runtime_path: "::guildhall_sdk::__private::rt",
        generate_all,
    });
}

/// Why a capability did not do what it was asked, in words: a grant that is missing, a limit, a failure of the other
/// side. As the failure of a turn it is [`Failure::Other`](crate::Failure::Other).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for crate::Failure {
    fn from(refused: Refused) -> Self {
        Self::Other(refused.0)
    }
}
