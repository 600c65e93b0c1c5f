//! The attributes of `guildhall-sdk`, which re-exports them. They add derives that use the SDK's serde and schemars, so that
//! an agent depends on the SDK alone.

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, LitStr, Token, parse_macro_input};

/// Makes a type the payload of a message format.
///
/// `#[message("text")]` derives `Serialize`, `Deserialize` and `JsonSchema` and implements `Format`. Further names are
/// aliases: they are received like the first name and never sent. All `#[serde(..)]` and `#[schemars(..)]` attributes work inside.
#[proc_macro_attribute]
pub fn message(names: TokenStream, item: TokenStream) -> TokenStream {
    let names = match Punctuated::<LitStr, Token![,]>::parse_terminated.parse(names) {
        Ok(names) => names,
        Err(error) => return error.to_compile_error().into(),
    };
    let item = parse_macro_input!(item as DeriveInput);
    let mut names = names.iter();
    let Some(name) = names.next() else {
        let error = syn::Error::new_spanned(&item.ident, "name the format: #[message(\"text\")]");
        return error.to_compile_error().into();
    };
    let ident = &item.ident;
    let (impl_generics, type_generics, where_clause) = item.generics.split_for_impl();
    quote! {
        #[derive(
            ::guildhall_sdk::serde::Serialize,
            ::guildhall_sdk::serde::Deserialize,
            ::guildhall_sdk::schemars::JsonSchema,
        )]
        #[serde(crate = "::guildhall_sdk::serde")]
        #[schemars(crate = "::guildhall_sdk::schemars")]
        #item

        impl #impl_generics ::guildhall_sdk::Format for #ident #type_generics #where_clause {
            const NAME: &'static str = #name;
            const ALIASES: &'static [&'static str] = &[#(#names),*];
        }
    }
    .into()
}

/// Makes a type the properties of an agent, or part of a payload, properties or state: derives `Serialize`,
/// `Deserialize` and `JsonSchema`. All `#[serde(..)]` and `#[schemars(..)]` attributes work inside.
#[proc_macro_attribute]
pub fn properties(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        let arguments = proc_macro2::TokenStream::from(arguments);
        let error = syn::Error::new_spanned(arguments, "#[properties] takes no arguments");
        return error.to_compile_error().into();
    }
    let item = parse_macro_input!(item as DeriveInput);
    quote! {
        #[derive(
            ::guildhall_sdk::serde::Serialize,
            ::guildhall_sdk::serde::Deserialize,
            ::guildhall_sdk::schemars::JsonSchema,
        )]
        #[serde(crate = "::guildhall_sdk::serde")]
        #[schemars(crate = "::guildhall_sdk::schemars")]
        #item
    }
    .into()
}
