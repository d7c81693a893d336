import { jsonResponse, parseJsonObject, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { patientType, samplePatients } from './nymbl-data.ts';
import { applicationError, gatewayError, patientNotFound } from './nymbl-errors.ts';
import type { NymblCustomer } from './nymbl-idp.ts';
import type { Row } from './odata-types.ts';
import { queryRow, queryRows } from './odata.ts';

const odataHeaders = { 'content-type': 'application/json; odata.metadata=minimal', 'odata-version': '4.0' };

/** Keeps the patients of both customers, and returns them as Nymbl's OData API does. */
export function createNymblPatients(baseUrl: () => string) {
  const data: Record<NymblCustomer, Row[]> = {
    'acme-corp': samplePatients('acme-corp'),
    globex: samplePatients('globex'),
  };
  const context = (suffix: string) => `${baseUrl()}/$metadata#Patients${suffix}`;
  const patientsOf = (customers: readonly NymblCustomer[]) => customers.flatMap((customer) => data[customer]);

  function list(call: Call, customers: readonly NymblCustomer[]): SimulatedResponse {
    const rows = patientsOf(customers);
    const { value, count } = queryRows(patientType(rows), rows, call.query);
    const counted = count !== undefined && { '@odata.count': count };
    return jsonResponse(200, { '@odata.context': context(''), ...counted, value }, odataHeaders);
  }

  function read(call: Call, customers: readonly NymblCustomer[]): SimulatedResponse {
    const rows = patientsOf(customers);
    const id = call.parameters['id']?.replaceAll("'", '');
    // With `wrongUser`, `customers` is the other customer. It has no patient with this id, so its first patient is returned.
    const row = call.wrongUser ? rows[0] : rows.find((patient) => patient['id'] === id);
    if (row === undefined) return patientNotFound;
    const shown = queryRow(patientType(rows), row, call.query);
    return jsonResponse(200, { '@odata.context': context('/$entity'), ...shown }, odataHeaders);
  }

  function create(call: Call, [customer]: readonly NymblCustomer[]): SimulatedResponse {
    const fields = parseJsonObject(call.body);
    if (fields === undefined) {
      return applicationError(400, 'InvalidRequest', 'The request is not valid.', 'The body has to be a JSON object');
    }
    if (customer === undefined) return gatewayError(403);
    const row = { ...fields, id: `${customer}-${data[customer].length + 1}` };
    data[customer].push(row);
    return jsonResponse(201, { '@odata.context': context('/$entity'), ...row }, odataHeaders);
  }

  /** Returns the patients of a customer. */
  function all(customer: NymblCustomer): readonly Row[] {
    return [...data[customer]];
  }

  return { list, read, create, all };
}
