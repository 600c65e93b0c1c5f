// A form made from a JSON Schema: texts, numbers, choices, switches, objects of these; whatever else as JSON. The host checks
// the answer; the form only says early what is missing or of the wrong kind.

import { element, field } from './dom.js';

const typeOf = (schema) => (Array.isArray(schema.type) ? schema.type.find((type) => type !== 'null') : schema.type)
  ?? (schema.enum ? 'string' : schema.anyOf?.map(typeOf).find((type) => type && type !== 'null'));

function control(name, schema, isRequired) {
  const common = { name, required: isRequired };
  const choices = schema.enum ?? schema.anyOf?.find((one) => one.enum)?.enum;
  if (choices) {
    const options = choices.map((choice) => element('option', { value: JSON.stringify(choice) }, String(choice)));
    const select = element('select', common, !isRequired && element('option', { value: '' }, '–'), options);
    if (schema.default !== undefined) select.value = JSON.stringify(schema.default);
    return [select, () => (select.value === '' ? undefined : JSON.parse(select.value))];
  }
  const initial = schema.default ?? '';
  switch (typeOf(schema)) {
    case 'boolean': {
      const box = element('input', { name, type: 'checkbox', checked: schema.default === true });
      return [box, () => box.checked];
    }
    case 'integer':
    case 'number': {
      const step = typeOf(schema) === 'integer' ? schema.multipleOf ?? 1 : 'any';
      const input = element('input', { ...common, type: 'number', step, min: schema.minimum, max: schema.maximum, value: initial });
      return [input, () => (input.value === '' ? undefined : Number(input.value))];
    }
    case 'string': {
      const isLong = schema.maxLength > 200 || schema.format === 'textarea' || String(initial).includes('\n');
      const properties = { ...common, value: initial, minLength: schema.minLength ?? -1, maxLength: schema.maxLength ?? -1, pattern: isLong ? undefined : schema.pattern };
      for (const bound of ['minLength', 'maxLength']) if (properties[bound] < 0) delete properties[bound];
      const kinds = { email: 'email', uri: 'url', date: 'date', 'date-time': 'datetime-local', password: 'password' };
      const input = isLong ? element('textarea', { ...properties, rows: 4 })
        : element('input', { ...properties, type: kinds[schema.format] ?? 'text' });
      return [input, () => (input.value === '' && !isRequired ? undefined : input.value)];
    }
    default: {
      const text = initial === '' ? '' : JSON.stringify(initial, null, 2);
      const area = element('textarea', { ...common, class: 'code', rows: 4, value: text, spellcheck: false });
      area.addEventListener('input', () => area.setCustomValidity(''));
      return [area, () => {
        if (area.value.trim() === '') return undefined;
        try {
          return JSON.parse(area.value);
        } catch (error) {
          area.setCustomValidity(`This is no JSON: ${error.message}`);
          area.reportValidity();
          throw error;
        }
      }];
    }
  }
}

/** The most objects within objects that have fields of their own. */
const DEPTH = 4;

/** A schema with what its `$ref` into `#/$defs` or `#/definitions` says. */
function resolved(schema, root) {
  const path = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(schema?.$ref ?? '');
  const found = path && root[path[1]]?.[path[2]];
  const only = schema?.allOf?.length === 1 ? resolved(schema.allOf[0], root) : undefined;
  return { ...found, ...only, ...schema };
}

/**
 * The fields of an object's schema. `values()` returns the object, or throws when a field is not what it should be and
 * has said so.
 */
export function formOf(schema, root = schema, depth = 0) {
  const required = new Set(schema.required ?? []);
  const parts = Object.entries(schema.properties ?? {}).map(([name, given]) => {
    const property = resolved(given, root);
    const title = `${property.title ?? name}${required.has(name) ? ' *' : ''}`;
    const about = [property.description, property.default !== undefined && `default: ${JSON.stringify(property.default)}`].filter(Boolean).join(' · ');
    if (property.properties && required.has(name) && depth < DEPTH) {
      const inner = formOf(property, root, depth + 1);
      return { name, value: inner.values, block: element('fieldset', {}, element('legend', {}, title), about && element('p', { class: 'help' }, about), inner.block) };
    }
    const [input, value] = control(name, property, required.has(name));
    return { name, value, block: field(title, input, about) };
  });
  const values = () => Object.fromEntries(parts.map(({ name, value }) => [name, value()]).filter(([, value]) => value !== undefined));
  return { block: element('div', {}, parts.map(({ block }) => block)), values };
}
