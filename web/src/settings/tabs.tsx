import { PageTabs } from '../kit/tabs'

export function SettingsTabs() {
  return (
    <PageTabs
      label="Settings"
      tabs={[
        { label: 'You', link: { to: '/settings' } },
        { label: 'API keys', link: { to: '/settings/keys' } },
      ]}
    />
  )
}
