import type { NymblCustomer } from './nymbl-idp.ts';
import type { EntityType, Row } from './odata-types.ts';

const physicians: EntityType = { name: 'Physician', properties: new Set(['id']), relations: new Map() };

const appointmentTypes: EntityType = {
  name: 'AppointmentType',
  properties: new Set(['id', 'name', 'duration', 'active', 'color']),
  relations: new Map(),
};

const appointments: EntityType = {
  name: 'Appointment',
  properties: new Set([
    'id',
    'patient_id',
    'appointment_date',
    'start_datetime',
    'end_datetime',
    'status',
    'appointment_type_id',
  ]),
  relations: new Map([
    [
      'AppointmentTypes',
      {
        type: appointmentTypes,
        rows: ({ appointment_type_id: id }: Row) => sampleTypes.filter((type) => type['id'] === id),
      },
    ],
    ['Physicians', { type: physicians, rows: () => [] }],
  ]),
};

/** The properties at the beginning of Nymbl's page about patients. */
const patientProperties = [
  'id',
  'version',
  'active',
  'first_name',
  'middle_name',
  'last_name',
  'nickname',
  'dob',
  'gender',
  'email',
  'cell_phone',
  'home_phone',
  'work_phone',
  'preferred_phone',
  'street_address',
  'street_address_line2',
  'city',
  'county',
  'state',
  'zipcode',
  'country',
];

/** Returns the type of patients: the documented properties, and every property that a row was created with. */
export function patientType(rows: readonly Row[]): EntityType {
  return {
    name: 'Patient',
    properties: new Set([...patientProperties, ...rows.flatMap((row) => Object.keys(row))]),
    relations: new Map([['Appointments', { type: appointments, rows: sampleAppointments }]]),
  };
}

/** Returns the patients that a customer starts with. */
export function samplePatients(customer: NymblCustomer): Row[] {
  return ['Ada', 'Grace', 'Katherine'].map((name, index) => ({
    id: `${customer}-${index + 1}`,
    active: index !== 2,
    first_name: name,
    last_name: customer === 'acme-corp' ? 'Acme' : 'Globex',
    dob: `198${index}-06-15`,
    email: `${name.toLowerCase()}@${customer}.example`,
  }));
}

const sampleTypes: readonly Row[] = [
  { id: 'type-1', name: 'Initial Evaluation', duration: '60', active: true, color: '#4CAF50' },
  { id: 'type-2', name: 'Follow-Up', duration: '30', active: true, color: '#2196F3' },
];

/** Returns two appointments of a patient: one in the past, one in the future. */
function sampleAppointments({ id }: Row): readonly Row[] {
  return [['2026-03-01', 'Completed', 'type-1'] as const, ['2026-09-01', 'Scheduled', 'type-2'] as const].map(
    ([date, status, type], index) => ({
      id: `${String(id)}-appointment-${index + 1}`,
      patient_id: id,
      appointment_date: date,
      start_datetime: `${date}T09:00:00Z`,
      end_datetime: `${date}T10:00:00Z`,
      status,
      appointment_type_id: type,
    }),
  );
}
