// Activity: everything that happened in the workspace, as it happens.

import { useNavigate, useSearch } from '@tanstack/react-router'
import { Chips } from '../kit/chips'
import { PageTabs, type TabLink } from '../kit/tabs'
import { useCan } from '../session/me'
import { Content, Header } from '../shell/header'
import { Feed } from './feed'
import { TOPICS } from './search'

export function ActivityTabs() {
  const can = useCan()
  const tabs: TabLink[] = [{ label: 'Events', link: { to: '/activity' } }]
  if (can('audit:read')) tabs.push({ label: 'Audit trail', link: { to: '/activity/audit' } })
  return <PageTabs label="Activity" tabs={tabs} />
}

export function Page() {
  const { topic } = useSearch({ from: '/app/activity' })
  const navigate = useNavigate()
  return (
    <>
      <Header title="Activity" />
      <ActivityTabs />
      <div className="border-b border-line px-4 py-2 sm:px-6">
        <Chips label="About" chips={TOPICS} value={topic ?? []} onValue={(next) => void navigate({ to: '/activity', search: next.length === 0 ? {} : { topic: next }, replace: true })} />
      </div>
      <Content>
        <Feed topics={topic} most={400} />
      </Content>
    </>
  )
}
