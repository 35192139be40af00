// Capabilities as a table: what it is about, and what may be done with it.

import { Check } from 'lucide-react'
import type { Capability } from '../api/types'
import { Checkbox } from '../kit/field'
import { allows } from '../session/rights'
import { ABOUT, type About, VERBS } from './words'

/** Without `onChange` it only shows. What is not `held` cannot be given. */
export function Grid({ chosen, held, onChange, about = ABOUT }: { chosen: readonly Capability[]; held?: readonly Capability[]; onChange?: (chosen: Capability[]) => void; about?: readonly About[] }) {
  return (
    <table className="w-full text-13" aria-label="Capabilities">
      <thead>
        <tr className="text-12 text-ink-2">
          <th scope="col" className="text-left font-medium">
            On
          </th>
          {VERBS.map(({ verb, label }) => (
            <th key={verb} scope="col" className="h-8 w-16 text-center font-medium sm:w-20">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {about.map(({ kind, label, verbs }) => (
          <tr key={kind}>
            <th scope="row" className="h-9 border-t border-line pr-3 text-left font-normal">
              {label}
            </th>
            {VERBS.map(({ verb, label: word }) => {
              const capability = `${kind}:${verb}` as Capability
              const isOn = allows(chosen, capability) || capability === 'workspace:read'
              return (
                <td key={verb} className="border-t border-line text-center">
                  {!verbs.includes(verb) ? null : onChange === undefined ? (
                    isOn ? (
                      <Check size={15} role="img" aria-label={`${word} ${label}: yes`} className="inline text-running" />
                    ) : (
                      <span className="text-ink-3">
                        <span aria-hidden>–</span>
                        <span className="sr-only">no</span>
                      </span>
                    )
                  ) : (
                    <Box capability={capability} word={`${word}: ${label}`} isOn={isOn} chosen={chosen} held={held ?? []} onChange={onChange} />
                  )}
                </td>
              )
            })}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Box({ capability, word, isOn, chosen, held, onChange }: { capability: Capability; word: string; isOn: boolean; chosen: readonly Capability[]; held: readonly Capability[]; onChange: (chosen: Capability[]) => void }) {
  // Seeing comes with every other verb, and seeing the workspace with every role.
  const isImplied = isOn && !chosen.includes(capability)
  return (
    <Checkbox
      className="mx-auto"
      label={word}
      disabled={isImplied || capability === 'workspace:read' || !allows(held, capability)}
      isChecked={isOn}
      onChange={(isNow) => onChange(isNow ? [...chosen, capability] : chosen.filter((each) => each !== capability))}
    />
  )
}
