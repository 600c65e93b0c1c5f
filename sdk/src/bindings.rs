//! Generated from `wit/agent.wit`.

wit_bindgen::generate!({
    path: "wit",
    world: "base",
    pub_export_macro: true,
    default_bindings_module: "::guildhall_sdk::bindings",
    runtime_path: "::guildhall_sdk::__private::rt",
    additional_derives: [PartialEq],
    generate_all,
});
