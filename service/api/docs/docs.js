// Shows the OpenAPI document as a list of operations by tag. Text is only ever
// set as text, never as markup.
"use strict";

const make = (name, props, ...children) => {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children);
  return node;
};

// resolve replaces references by what they refer to, each kind once per path.
const resolve = (doc, schema, seen = []) => {
  if (Array.isArray(schema)) return schema.map((s) => resolve(doc, s, seen));
  if (!schema || typeof schema !== "object") return schema;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    if (seen.includes(name)) return name;
    return resolve(doc, doc.components.schemas[name], [...seen, name]);
  }
  return Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, resolve(doc, v, seen)]));
};

const content = (doc, media) => Object.entries(media || {}).flatMap(([type, m]) => [
  make("p", {}, make("code", { textContent: type })),
  ...(m.schema ? [make("pre", { textContent: JSON.stringify(resolve(doc, m.schema), null, 2) })] : []),
]);

const parameters = (list) => (list && list.length ? [
  make("h4", { textContent: "Parameters" }),
  make("ul", {}, ...list.map((p) => make("li", {}, make("code", { textContent: p.name }),
    ` in ${p.in}${p.required ? ", required" : ""}. ${p.description || p.schema?.description || ""}`))),
] : []);

const operation = (doc, path, method, op) => make("details", { id: op.operationId },
  make("summary", {}, make("span", { className: "method", textContent: method.toUpperCase() }),
    make("code", { textContent: path }), make("span", { className: "summary", textContent: " " + (op.summary || "") })),
  make("p", { textContent: op.description || "Needs no token." }),
  ...parameters(op.parameters),
  ...(op.requestBody ? [make("h4", { textContent: "Body" }), ...content(doc, op.requestBody.content)] : []),
  ...Object.entries(op.responses || {}).flatMap(([status, r]) => [
    make("h4", { textContent: `${status} ${r.description || ""}` }), ...content(doc, r.content)]));

const show = (doc) => {
  document.getElementById("about").textContent = `${doc.info.description} Version ${doc.info.version}.`;
  const byTag = {};
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(item)) {
      const tag = (op.tags && op.tags[0]) || "other";
      (byTag[tag] ||= []).push(operation(doc, path, method, op));
    }
  }
  for (const [tag, operations] of Object.entries(byTag)) {
    document.getElementById("tags").append(make("a", { href: "#" + tag, textContent: tag }));
    document.getElementById("operations").append(make("h2", { id: tag, textContent: tag }), ...operations);
  }
};

fetch("/openapi.json").then((answer) => answer.json()).then(show)
  .catch((err) => { document.getElementById("about").textContent = "Cannot load /openapi.json: " + err; });
