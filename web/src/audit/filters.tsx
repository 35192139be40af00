// The line of filters above the audit trail.

import { useDeferredValue, useEffect, useState } from 'react'
import { SearchInput } from '../kit/field'
import { Select } from '../kit/select'
import { ALL, type Filter } from './filter'

const OUTCOMES = [
  { value: 'any', label: 'Any outcome' },
  { value: 'done', label: 'Done' },
  { value: 'refused', label: 'Refused' },
]

const TIMES = [
  { value: 'all', label: 'Any time' },
  { value: '1', label: 'Last hour' },
  { value: '24', label: 'Last day' },
  { value: '168', label: 'Last week' },
  { value: '720', label: 'Last 30 days' },
]

export function Filters({ filter, onFilter }: { filter: Filter; onFilter: (filter: Filter) => void }) {
  const [action, setAction] = useState(filter.action)
  const late = useDeferredValue(action)
  useEffect(() => {
    if (late !== filter.action) onFilter({ ...filter, action: late })
  }, [late, filter, onFilter])
  const set = (part: Partial<Filter>) => {
    const next = { ...filter, ...part }
    onFilter(next.action === '' && next.outcome === 'any' && next.back === 'all' ? ALL : next)
  }
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
      <SearchInput label="Action" placeholder="Action, such as workload.start" value={action} onValue={setAction} className="w-full sm:w-72" />
      <Select label="Outcome" className="w-36!" value={filter.outcome} onValue={(outcome) => set({ outcome })} options={OUTCOMES} />
      <Select label="Time" className="w-36!" value={filter.back} onValue={(back) => set({ back })} options={TIMES} />
    </div>
  )
}
