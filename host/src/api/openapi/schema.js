// What both pages share: making elements, and showing the schemas of `api`, the description that was read.

/** Makes an element: attributes (functions are listeners), then children. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter(child => child !== undefined && child !== null));
  return element;
}

const deref = schema => schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema ?? {};
const refName = schema => schema?.$ref?.split("/").pop();
const choices = schema => schema.oneOf ?? schema.anyOf;
const isNull = schema => schema.type === "null";

/** A schema in one short phrase. */
function phrase(schema) {
  if (refName(schema)) return refName(schema);
  if (choices(schema)) return choices(schema).map(phrase).join(" | ");
  if (schema.allOf) return schema.allOf.map(phrase).join(" & ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(" | ");
  const types = [schema.type ?? "any"].flat();
  return types.map(type => {
    if (type === "array") return `${phrase(schema.items ?? {})}[]`;
    if (type === "object" && schema.additionalProperties) return `{ name: ${phrase(schema.additionalProperties === true ? {} : schema.additionalProperties)} }`;
    return type;
  }).join(" | ");
}

/** The limits of a schema, in words. */
function limits(schema) {
  const words = { minLength: "at least # characters", maxLength: "at most # characters", minimum: "at least #", maximum: "at most #", pattern: "like #", default: "default #" };
  return Object.keys(words).filter(key => schema[key] !== undefined)
    .map(key => words[key].replace("#", typeof schema[key] === "string" ? schema[key] || "\"\"" : JSON.stringify(schema[key]))).join(", ");
}

/** The members of a schema as a table; schemas in it can be opened. */
function shape(schema, opened = []) {
  const name = refName(schema), whole = deref(schema);
  if (name && opened.includes(name)) return make("p", {}, make("code", {}, name), " again");
  const seen = name ? [...opened, name] : opened;
  if (whole.allOf) return make("div", {}, ...whole.allOf.map(one => shape(one, seen)));
  if (choices(whole)) return make("div", {}, ...choices(whole).filter(one => !isNull(one)).map((one, at) =>
    make("div", {}, at ? make("p", {}, "or") : undefined, refName(one) ? shape(one, seen) : make("code", {}, phrase(one)))));
  if ([whole.type].flat().includes("array")) return make("div", {}, make("p", {}, "A list of"), shape(whole.items ?? {}, seen));
  if (whole.additionalProperties && whole.additionalProperties !== true && refName(whole.additionalProperties))
    return make("div", {}, make("p", {}, "By name"), shape(whole.additionalProperties, seen));
  if (!whole.properties) return make("p", {}, make("code", {}, phrase(whole)), whole.description ? ` ${whole.description}` : "");
  const rows = Object.entries(whole.properties).map(([key, member]) => make("tr", {},
    make("td", {}, make("code", { class: whole.required?.includes(key) ? "need" : undefined }, key)),
    make("td", {}, member_type(member, seen)),
    make("td", {}, [member.description, limits(member)].filter(Boolean).join("; "))));
  return make("div", {}, name ? make("p", {}, make("code", {}, name), whole.description ? ` – ${whole.description}` : "") : undefined, make("table", {}, make("tbody", {}, ...rows)));
}

function member_type(member, seen) {
  const inner = [member, member.items, member.additionalProperties, ...(choices(member) ?? [])].find(one => refName(one));
  if (!inner || deref(inner).enum || seen.includes(refName(inner)))
    return make("code", {}, inner && deref(inner).enum ? phrase(deref(inner)) : phrase(member));
  const more = make("details", {}, make("summary", {}, make("code", {}, phrase(member))));
  more.addEventListener("toggle", () => { if (more.open && more.childElementCount === 1) more.append(shape(inner, seen)); });
  return more;
}

/** A value that fits a schema, to begin with. */
function example(schema, depth = 0) {
  const whole = deref(schema);
  if (whole.example !== undefined) return whole.example;
  if (whole.default !== undefined) return whole.default;
  if (whole.enum) return whole.enum[0];
  if (choices(whole)) return example(choices(whole).find(one => !isNull(one)) ?? {}, depth);
  const type = [whole.type].flat()[0];
  if (type === "object") return Object.fromEntries(Object.entries(whole.properties ?? {})
    .filter(([key]) => whole.required?.includes(key)).map(([key, member]) => [key, depth > 4 ? null : example(member, depth + 1)]));
  return { array: [], string: "text", integer: 1, number: 1, boolean: false }[type] ?? {};
}
